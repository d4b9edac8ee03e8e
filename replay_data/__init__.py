"""Recorded and synthetic data: run-logs, checks, importers, and replay with the same random events."""

from replay_data.record import Channel, Record
from replay_data.runlog import RunLog, open_log, write
from replay_data.view import LogView

__all__ = ["Channel", "LogView", "Record", "RunLog", "open_log", "write"]
