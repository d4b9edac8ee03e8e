"""The tables of a facility file about repair work: crews and their shifts, tunnel access, spares."""

from pydantic import Field, model_validator

from twin.facility.repair import Repair
from twin.facility.table import Hour, Name, NotNegative, Positive, Table


class Shift(Table):
    """When a crew is on site: hours of the day on the first ``days`` days of each week; hour 0 is a Monday.

    A shift whose ``to_h`` is not after its ``from_h`` goes on past midnight.
    """

    from_h: Hour = 8.0
    to_h: Hour = 17.0
    days: int = Field(default=5, ge=1, le=7)

    @model_validator(mode="after")
    def _lasts(self) -> "Shift":
        if self.from_h == self.to_h:
            raise ValueError(f"from_h = to_h = {self.from_h:g}: the shift has no length; 0 ... 24 is all day")
        return self


class Crew(Table):
    """People who repair; ``size`` repairs go on at once, the rest wait: first by priority, then by time.

    Modes ask for a skill; a crew without ``skills`` has its own name as its only one. Off shift the crew is
    called out, arrives after ``call_out_h`` and stays while there is work; without it, work waits for the
    shift. A preemptive crew drops its least urgent work for a call of higher priority and resumes it later.
    """

    name: Name
    size: int = Field(ge=1)
    skills: list[Name] = []
    shift: Shift | None = None
    call_out_h: NotNegative | None = None
    preemptive: bool = False

    @model_validator(mode="after")
    def _is_called_out_off_shift(self) -> "Crew":
        if self.call_out_h is not None and self.shift is None:
            raise ValueError(
                f"call_out_h = {self.call_out_h:g} needs a shift; without one the crew is always there"
            )
        return self


class Access(Table):
    """Entering the tunnel: radiation cool-down after the beam, and the hours of the day when it is allowed.

    It may be entered until ``to_h``, the next day if that is not after ``from_h``; who is in may stay longer.
    """

    cooldown_h: NotNegative = 0.0
    from_h: Hour = 0.0
    to_h: Hour = 24.0


class Spare(Table):
    """Parts on the shelf. One that is asked for is ordered anew (``lead_h``) or the old one mended (``shop``).

    A stock of 0 with ``lead_h`` means that each part is ordered when it is needed.
    """

    name: Name
    stock: int = Field(ge=0)
    lead_h: Positive | None = None
    shop: Repair | None = None
    source: str = "assumed"

    @model_validator(mode="after")
    def _is_replenished(self) -> "Spare":
        if (self.lead_h is None) == (self.shop is None):
            raise ValueError("give either lead_h (a new part is ordered) or shop (the old one is mended)")
        if self.shop and not self.stock:
            raise ValueError(
                "stock = 0 with shop: nothing to put in while the old part is mended; raise stock"
            )
        return self
