"""What is learned from logs: beam quantities, hazards, repair times, and how well on later time."""

from surrogate.learned import LearnedLaw
from surrogate.registry import Entry, Model
from surrogate.train import Trained, train

__all__ = ["Entry", "LearnedLaw", "Model", "Trained", "train"]
