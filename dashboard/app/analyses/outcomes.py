"""Outcomes of accepted recommendations, measured in a later log and stored in the ledger."""

from dataclasses import dataclass

from controllers.outcomes.follow import follow
from controllers.outcomes.promises import Answer as Verdict
from controllers.outcomes.promises import answer
from dashboard.app import bounds
from dashboard.app.store.ledger import Ledger
from replay_data.record import Log
from replay_data.runlog import open_log
from surrogate import registry
from twin import UserError, load
from twin.home import home
from twin.types import Json, Progress

FOLLOWING = "measuring outcomes"


@dataclass(frozen=True)
class Request:
    """A log that continues after recommendations were accepted."""

    log: str
    model: str | None = None  # default: the one that made the recommendation
    seed: int = 0

    def __post_init__(self) -> None:
        bounds.seed(self.seed)


@dataclass(frozen=True)
class Answer:
    """The outcomes in the ledger, the entries left out with the reasons, and the verdict on all outcomes."""

    rows: list[Json]
    left_out: list[str]
    verdict: Verdict

    @property
    def broken(self) -> bool:
        """Whether recommendations bring less than they promise."""
        return self.verdict.verdict == "broken"


def run(request: Request, progress: Progress) -> Answer:
    """Measure the outcome of each accepted recommendation in the log and append it to the ledger."""
    ledger = Ledger(home() / "ledger.sqlite")
    with open_log(request.log) as log:
        waiting = ledger.to_follow(log.facility)
        if not waiting and not ledger.outcomes(log.facility):
            raise UserError(
                f"the ledger {ledger.path} holds no accepted recommendation for {log.facility!r}; "
                "accept one on the page (`beamtwin serve`) first"
            )
        left_out = []
        for i, entry in enumerate(waiting):
            progress(FOLLOWING, i / len(waiting))
            try:
                ledger.follow(entry["id"], _followed(entry, log, request))
            except UserError as error:
                left_out.append(f"Entry {entry['id']}: {error}.")
        progress(FOLLOWING, 1.0)
    rows = ledger.outcomes(log.facility)
    if not rows:
        raise UserError(" ".join(left_out))
    return Answer(rows, left_out, answer(rows))


def _followed(entry: Json, log: Log, request: Request) -> Json:
    """One outcome, under the model that made the recommendation, else the one in service, else none."""
    made = entry["recommendation"]
    known = [e.id for e in registry.entries(log.facility)]
    chosen = request.model or next((i for i in known if i == made.evidence.model_id), None)
    if not chosen and not known:
        return follow(made, load(log.facility), log)
    model = registry.load(chosen, log.facility)
    return follow(made, model.facility, log, model.law, request.seed)


def as_json(answer: Answer) -> Json:
    """The answer as plain JSON values."""
    return {"outcomes": answer.rows, "answer": answer.verdict._asdict()}
