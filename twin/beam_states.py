"""The states of the beam that a run-log records in the channel ``beam_state``."""

OFF, RESTARTING, STORED = range(3)
