"""The interface to a log for all packages above this one: cleaned data, read once and cached."""

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from replay_data.clean import clean_faults
from replay_data.clean_channels import CleanChannels
from replay_data.clean_tables import clean_experiments, clean_schedule
from replay_data.frames import check_units, frame
from replay_data.record import Channel, Log
from twin.beam_states import STORED
from twin.errors import UserError
from twin.facility import Facility

if TYPE_CHECKING:
    import xarray as xr


class LogView:
    """The cleaned data of a log with its facility; make one per log and pass it on.

    Unusable samples (marked invalid, not finite, out of order, stuck, spikes; see ``replay_data.clean``) are left
    out everywhere. Data are read on first use, cached and read-only. Of conditions and quantities only the frames
    are cached, unless ``cleaned`` is called for one.
    """

    def __init__(self, log: Log, facility: Facility) -> None:
        self.log, self.facility = log, facility
        self._channels = CleanChannels(log)
        self._frames: dict[float | None, xr.Dataset] = {}

    @property
    def start(self) -> str:
        """When the log begins, ISO 8601."""
        return self.log.start

    @property
    def hours(self) -> float:
        """The duration of the log [h]."""
        return self.log.hours

    @property
    def tabular(self) -> bool:
        """Whether the log is a table of evaluations rather than of continuous running."""
        return self.log.tabular

    @property
    def frame(self) -> "xr.Dataset":
        """Hourly rows of knobs, conditions and quantities (``replay_data.frames``); for a tabular log, its rows."""
        return self.frame_of(1.0)

    def frame_of(self, every_h: float | None) -> "xr.Dataset":
        """A frame with rows of ``every_h`` hours; None: one row per stamp at which something was recorded."""
        spacing = None if self.tabular else every_h
        if spacing not in self._frames:
            self._frames[spacing] = frame(self._channels, self.facility, spacing)
        return self._frames[spacing]

    @cached_property
    def present(self) -> np.ndarray:
        """The present settings [K]: the value of each knob at the end of the log, in the facility's order.

        Raises UserError if a knob was never recorded.
        """
        check_units(self.log, self.facility)
        values = []
        for knob in self.facility.knob:
            channel = self.held(knob.name)
            if channel is None:
                raise UserError(
                    f"log of {self.log.facility}: knob {knob.name!r} was not recorded; its present value is unknown"
                )
            values.append(channel.value[-1])
        return np.array(values, float)

    def held(self, name: str) -> Channel | None:
        """The changes of a knob or state, including the first value; its method ``at(hours)`` gives the value held.

        None if it was not recorded or has no usable sample.
        """
        return self._channels.held(name)

    def cleaned(self, name: str) -> Channel | None:
        """Any channel: the changes of a setpoint or state, all samples of others. None as for ``held``."""
        return self._channels.recorded(name)

    def tail(self, name: str, from_h: float) -> Channel | None:
        """The samples of any channel from an hour on, and the last one before; read at each call, not cached."""
        return self._channels.tail(name, from_h)

    @cached_property
    def beam(self) -> Channel:
        """The changes of the beam state (``twin.beam_states``); beam stored throughout if it was not recorded."""
        recorded = self.held("beam_state")
        return recorded or Channel("beam_state", np.zeros(1), np.full(1, float(STORED)), "", "state")

    def stored_h(self, begin_h: float, end_h: float) -> float:
        """Hours with stored beam between two hours of the log."""
        if end_h <= begin_h:
            return 0.0
        inside = self.beam.time_h[(self.beam.time_h > begin_h) & (self.beam.time_h < end_h)]
        edges = np.concatenate([[begin_h], inside, [end_h]])
        return float(np.diff(edges)[self.beam.at(edges[:-1]) == STORED].sum())

    @cached_property
    def faults(self) -> dict[str, np.ndarray]:
        """The faults of the facility's processes, sorted by process and start; open ones end at NaN."""
        return _fixed(clean_faults(self.log.table("faults"), self.facility, self.hours)[0])

    @cached_property
    def schedule(self) -> dict[str, np.ndarray]:
        """The blocks of the recorded schedule in order of time, without overlap."""
        return _fixed(clean_schedule(self.log.table("schedule"), self.hours))

    @cached_property
    def experiments(self) -> dict[str, np.ndarray]:
        """The experiments at the facility's beamlines, in order of arrival."""
        return _fixed(clean_experiments(self.log.table("experiments"), self.facility, self.hours))


def _fixed(table: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    for column in table.values():
        column.flags.writeable = False
    return table
