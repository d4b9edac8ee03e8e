"""The protocol of sources of recommendations and machine states, such as files or a live machine."""

from typing import Protocol

from controllers.recommendation import Recommendation
from dashboard.app.store.ledger import Ledger
from twin.types import Json


class Source(Protocol):
    """A source of recommendations and machine states. The page reads it at every refresh."""

    @property
    def ledger(self) -> Ledger:
        """The ledger of decisions on its recommendations."""
        ...

    def facilities(self) -> list[str]:
        """The names of the facilities that have a recommendation, sorted."""
        ...

    def recommendation(self, facility: str) -> Recommendation | None:
        """The newest recommendation; None where there is none. Raises UserError if it cannot be read."""
        ...

    def state(self, facility: str) -> Json | None:
        """The last known state of the machine: time, age, values; None without a connection."""
        ...
