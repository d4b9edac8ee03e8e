"""The digital twin: the description of a facility, its laws and two engines that simulate it."""

from twin.errors import UserError
from twin.facility import Facility, built_in, load
from twin.jax_setup import use_64_bits
from twin.space import Space

use_64_bits()

__all__ = ["Facility", "Space", "UserError", "built_in", "load"]
