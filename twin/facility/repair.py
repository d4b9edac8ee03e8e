"""The repair-time table of a facility file: a repair law and its parameters."""

from typing import TYPE_CHECKING, Any

from pydantic import model_validator

from twin.facility.law_table import law_of, with_parameters
from twin.facility.table import Table
from twin.repairs import REPAIR_LAWS, RepairLaw


class _Repair(Table):
    law: str = "lognormal"


class Repair(with_parameters(_Repair, REPAIR_LAWS)):
    """How long a repair takes: a law of ``twin.repairs`` and its parameters."""

    if TYPE_CHECKING:  # the keys follow from the laws, so a type checker does not know them

        def __init__(self, **keys: Any) -> None: ...

    @property
    def time(self) -> RepairLaw:
        """The law itself, an object of ``twin.repairs``."""
        return law_of(REPAIR_LAWS, self, self.law)

    @model_validator(mode="after")
    def _law_has_its_parameters(self) -> "Repair":
        _ = self.time
        return self
