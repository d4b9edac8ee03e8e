"""What happened, recorded or synthetic: run-logs, checks, importers, and replay with the same luck."""

from replay_data.record import Channel, Record
from replay_data.runlog import RunLog, frame, open_log, write

__all__ = ["Channel", "Record", "RunLog", "frame", "open_log", "write"]
