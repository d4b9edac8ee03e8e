"""A requested decision, and all rules that can refuse it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from controllers.recommendation import Recommendation, digest
from dashboard.app.acceptance import barriers
from dashboard.app.roles import Person, refusal
from twin.errors import UserError, unknown
from twin.types import Json

PAST = {"accept": "accepted", "hold": "held", "reject": "rejected", "undo": "undone", "restore": "restored"}
"""Each decision, and the state of the recommendation after it."""

FOLLOWS = {
    None: ("accept", "hold", "reject"),
    "hold": ("accept", "hold", "reject", "undo"),
    "accept": ("undo", "restore"),
    "reject": ("undo",),
    "undo": ("accept", "hold", "reject"),
    "restore": ("accept", "hold", "reject"),
}
"""What may follow the latest decision on one recommendation."""

LONGEST = 80  # letters of a name
REASON_NEEDED = (
    "A rejection needs a comment: give the reason, for the next shift and for those who train the model."
)


@dataclass(frozen=True)
class Decision:
    """What a person decides, and which recommendation and ledger entry they had seen."""

    facility: str
    action: str  # a key of PAST
    person: Person
    comment: str = ""
    seen_digest: str = ""  # of the recommendation on which they decide
    known_entry: int | None = None  # the newest entry of the ledger that they have seen

    @property
    def operator(self) -> str:
        """The name that goes into the ledger."""
        return "".join(c for c in self.person.name if c.isprintable()).strip()


class Refused(UserError):
    """A decision that was not recorded; ``reasons`` holds the sentences that say why."""

    def __init__(self, reasons: list[str]):
        super().__init__(f"Nothing was recorded: {' '.join(reasons)}")
        self.reasons = reasons


class Present(NamedTuple):
    """The present recommendation and machine state of the source."""

    recommendation: Recommendation | None
    state: Json | None


class History(NamedTuple):
    """The content of the ledger that matters for a decision."""

    newest: int  # number of the newest entry, 0 where there is none
    in_force: Json | None  # the accepted entry of the facility that is neither undone nor restored
    last: Callable[[Recommendation], Json | None]  # the latest entry on a recommendation


def concerned(request: Decision, present: Present, history: History) -> Recommendation | None:
    """The recommendation that a decision is about: the newest, or to restore settings the one in force."""
    if request.action != "restore":
        return present.recommendation
    return history.in_force["recommendation"] if history.in_force else None


def reasons_against(request: Decision, present: Present, history: History, now: datetime) -> list[str]:
    """All reasons against a decision; an empty list allows it."""
    form = _form(request)
    if request.action not in PAST:
        return form
    unseen = _unseen(request, present, history)
    if unseen:
        return [unseen, *form]
    made = concerned(request, present, history)
    if made is None:
        return ["there is no recommendation.", *form]
    late = _order(request.action, history.last(made))
    if late:
        return [*form, late]
    return form + (barriers(made, present.state, now) if request.action == "accept" else [])


def _form(request: Decision) -> list[str]:
    """Mistakes in the request itself."""
    if request.action not in PAST:
        return [str(unknown("decision", request.action, list(PAST)))]
    name, found = request.operator, [refusal(request.person, "decide")]
    if not name:
        found.append("The operator's name is empty: enter who decides.")
    if len(name) > LONGEST:
        found.append(f"The operator's name has {len(name)} letters; {LONGEST} are the most.")
    if not _is_unicode(name + request.comment):
        found.append("The name or the comment has characters that are not valid Unicode: enter them again.")
    if request.action == "reject" and not request.comment.strip():
        found.append(REASON_NEEDED)
    return [reason for reason in found if reason]


def _is_unicode(text: str) -> bool:
    """Whether a text can be stored: half of a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unseen(request: Decision, present: Present, history: History) -> str | None:
    """Refuse a decision on a recommendation, or on a ledger entry, that the person has not seen."""
    if request.action in ("undo", "restore") and request.known_entry != history.newest:
        return "somebody has decided since. Look at the ledger first."
    if request.action != "restore" and digest(present.recommendation) != request.seen_digest:
        return "a newer recommendation has arrived. Look at it first."
    return None


def _order(action: str, last: Json | None) -> str | None:
    """Why a decision may not follow the last one on the same recommendation."""
    before = last["decision"] if last else None
    if action in FOLLOWS[before]:
        return None
    if last is None:
        return f"There is no decision on this recommendation to {action}."
    way_out = "; undo that first" if "undo" in FOLLOWS[before] and action != "undo" else ""
    return (
        f"This recommendation was {PAST[last['decision']]} by {last['operator']} at {last['at']}: "
        f"{action!r} cannot follow{way_out}."
    )
