"""The reference engine: one run of the plant in SimPy. It defines the behaviour of the twin."""

from twin.beam_states import OFF, RESTARTING, STORED
from twin.reference.beam import DECAY, FILL, HOLD
from twin.reference.clocks import Alarm
from twin.reference.failures import FailureProcess
from twin.reference.run import Event, Piece, Run, simulate, start

__all__ = [
    "DECAY", "FILL", "HOLD", "OFF", "RESTARTING", "STORED", "Alarm", "Event", "FailureProcess", "Piece", "Run",
    "simulate", "start",
]  # fmt: skip
