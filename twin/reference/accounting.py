"""The accounting of a run: user hours by state and cause, outages by the facility's counting rules."""

from typing import TYPE_CHECKING

import numpy as np

from twin.beam_states import STORED
from twin.outcome import DISTORTED, GOOD, LOW_CURRENT, NO_BEAM, Tally
from twin.reference.beam import FILL, HOLD
from twin.tree import DISTORT

if TYPE_CHECKING:
    from twin.reference.beam import Beam
    from twin.reference.run import Run

ANY = GOOD  # the row of outages of any kind


class Accounting:
    """The counts and hours of a run so far."""

    def __init__(self, run: "Run"):
        processes, lines = len(run.plant.shape), len(run.plant.flux)
        self.run = run
        self.none = self.cause = processes
        self.user_h = self.delivered_h = self.level_h = self.counted_to = 0.0
        self.kind_h, self.short_h, self.outages = [0.0] * 4, [0.0] * 4, [0] * 4
        self.back_at, self.back_delivered_h = [-np.inf] * 4, [0.0] * 4
        self.failures_by, self.lost_h = [0] * processes, [0.0] * (processes + 1)
        self.down_h, self.down, self.down_since = [0.0] * processes, [0] * processes, [0.0] * processes
        self.open_h = [0.0] * lines
        self.merge_h = float(run.plant.merge_h)
        self.good, self.share, self.kind = False, 1.0, NO_BEAM
        self.user_visible = NO_BEAM if run.user else GOOD  # switching on is not a failure

    def count(self) -> None:
        """Add the hours since the last change to the counters of the state until now."""
        now = self.run.env.now
        hours, self.counted_to = now - self.counted_to, now
        if not (hours and self.run.user):
            return
        self.user_h += hours
        self.kind_h[self.kind] += hours
        if self.good:
            self.delivered_h += hours
            self.level_h += hours * self.share
        else:
            self.lost_h[self.cause] += hours
        for b, opened in enumerate(self.run.open):
            if opened:
                self.open_h[b] += hours

    def down_now(self, p: int, change: int) -> None:
        """A unit of process ``p`` goes down or comes back."""
        now = self.run.env.now
        self.down_h[p] += self.down[p] * (now - self.down_since[p])
        self.down_since[p] = now
        self.down[p] += change

    def failed(self, p: int, up_before: bool, down_before: int) -> None:
        """Count a failure; it is the cause of lost hours if the machine was up before it and is down after it."""
        self.failures_by[p] += 1
        if up_before and self.run.logic.machine_down > down_before:
            self.cause = p

    def clear_cause(self) -> None:
        """A new block or epoch: hours lost while nothing in the machine is down have no failure as cause."""
        if not self.run.logic.machine_down:
            self.cause = self.none

    def update(self) -> None:
        """Determine the user-visible state from now on; count the outages that begin and end."""
        run, beam = self.run, self.run.beam
        self.kind, self.share = self.kind_of(beam), run.logic.share
        self.good = self.kind == GOOD and beam.regime != FILL
        user_visible = self.kind if run.user else GOOD
        if user_visible != self.user_visible:
            self.change(user_visible)

    def kind_of(self, beam: "Beam") -> int:
        """The kind of outage: no beam and low current last until the promised current is restored."""
        if beam.mode != STORED:
            return NO_BEAM
        if beam.regime != HOLD:
            low = beam.low
            if self.kind in (NO_BEAM, LOW_CURRENT) and (low or beam.regime == FILL):
                return self.kind
            if low:
                return LOW_CURRENT
        return DISTORTED if self.run.logic.down[DISTORT] else GOOD

    def change(self, user_visible: int) -> None:
        """The user-visible state changes: an outage begins, ends or changes its kind."""
        before, self.user_visible = self.user_visible, user_visible
        if before:
            self.ends(before)
        if user_visible:
            self.begins(user_visible)
        if not before:
            self.begins(ANY)
        elif not user_visible:
            self.ends(ANY)

    def begins(self, kind: int) -> None:
        """An outage begins; it continues the last one if the beam between them was shorter than ``merge_h``."""
        if self.run.env.now - self.back_at[kind] < self.merge_h:
            self.short_h[kind] += self.delivered_h - self.back_delivered_h[kind]
        else:
            self.outages[kind] += 1

    def ends(self, kind: int) -> None:
        self.back_at[kind], self.back_delivered_h[kind] = self.run.env.now, self.delivered_h

    def tally(self) -> Tally:
        run, now = self.run, self.run.env.now
        done = np.array([line.done for line in run.lines])
        finished = [line.finished() for line in run.lines]
        down_h = np.array(self.down_h) + np.array(self.down) * (now - np.array(self.down_since))
        return Tally(
            self.user_h, self.delivered_h, self.level_h, self.outages[ANY], self.short_h[ANY],
            np.array(self.outages[1:]), np.array(self.kind_h[1:]) + self.short_h[1:],
            np.array(self.failures_by, float), np.array(self.lost_h), down_h, np.array(self.open_h),
            np.floor(done + 1e-9), np.array([line.spoilt for line in run.lines]), np.array(finished), run.exhausted,
        )  # fmt: skip
