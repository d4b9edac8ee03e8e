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
    def _has_a_length(self) -> "Shift":
        if self.from_h == self.to_h:
            raise ValueError(f"from_h = to_h = {self.from_h:g}: the shift has no length; 0 ... 24 is all day")
        return self


class Crew(Table):
    """People who repair. At most ``size`` repairs run at once; the others wait, ordered by priority, then by time.

    A failure mode names a skill. A crew without ``skills`` has one skill, its own name. With ``call_out_h`` a crew
    that is off shift is called out, arrives after that time and stays while there is work; without it, work
    waits for the next shift. A preemptive crew interrupts its least urgent work for a job of higher priority and
    resumes it later.
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
                f"call_out_h = {self.call_out_h:g} needs a shift; without one the crew is always on site"
            )
        return self


class Access(Table):
    """Access to the tunnel: the radiation cool-down after beam-off, and the hours of the day when entry is allowed.

    Entry ends at ``to_h``, on the next day if that is not after ``from_h``. Work that has begun may go on longer.
    """

    cooldown_h: NotNegative = 0.0
    from_h: Hour = 0.0
    to_h: Hour = 24.0


class Spare(Table):
    """Spare parts in store. A part that is used is ordered again (``lead_h``), or the old one is repaired (``shop``).

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
            raise ValueError("give either lead_h (a new part is ordered) or shop (the old one is repaired)")
        if self.shop and not self.stock:
            raise ValueError(
                "stock = 0 with shop: there is no part to install while the old one is repaired; raise stock"
            )
        return self
