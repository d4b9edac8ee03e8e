"""What every source of recommendations and machine states offers, be it files or a running machine."""

from typing import Protocol

from controllers.recommendation import Recommendation
from dashboard.app.store.ledger import Ledger
from twin.types import Json


class Source(Protocol):
    """Asked on every refresh, so that what is new appears by itself."""

    @property
    def ledger(self) -> Ledger:
        """Where decisions on its recommendations are kept."""
        ...

    def facilities(self) -> list[str]:
        """The names of the facilities that have a recommendation, sorted."""
        ...

    def recommendation(self, facility: str) -> Recommendation | None:
        """The newest recommendation; None where there is none. Raises UserError if it cannot be read."""
        ...

    def state(self, facility: str) -> Json | None:
        """The machine as it was last seen: time, age, values; None when nothing is connected."""
        ...
