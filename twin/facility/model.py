"""A facility whose tables have passed the checks across tables."""

from pydantic import model_validator

from twin.facility.defects import defects
from twin.facility.description import Description


class Facility(Description):
    """A facility: knobs, conditions, quantities, subsystems and their tree, crews, schedule, beamlines."""

    @model_validator(mode="after")
    def _tables_agree(self) -> "Facility":
        found = list(defects(self))
        if found:
            raise ValueError("; ".join(found))
        return self
