"""Forecast of years of a facility under a trained model, with its spread split into chance and model uncertainty."""

from dataclasses import asdict, dataclass

from controllers.recommend.forecast import Forecast, forecast
from dashboard.app import bounds
from dashboard.app.analyses.engines import ENGINES, engine_of, year_h
from surrogate import registry
from twin import Facility, load
from twin.scenario import ahead
from twin.types import Json, Progress


@dataclass(frozen=True)
class Request:
    """Years of a facility under a model (default: the one in service), in at least ``runs`` runs."""

    facility: str
    model: str | None = None
    years: float = 1.0
    runs: int = 64
    engine: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        bounds.size(self.years, self.runs)
        bounds.seed(self.seed)


@dataclass(frozen=True)
class Answer:
    """The forecast of each metric."""

    facility: Facility
    model: str
    years: float
    lacks: list[str]  # what the batched engine lacks, if the reference engine is used for that reason
    rows: list[Forecast]


def run(request: Request, progress: Progress) -> Answer:
    """Simulate posterior samples of the plant."""
    model = registry.load(request.model, load(request.facility).name)
    engine, lacks = engine_of([model.facility], request.engine)
    scenario = ahead(model.facility, request.years * year_h(model.facility))
    progress("drawing posterior samples", 0.0)
    rows = forecast(
        model.facility, model.law, scenario, request.runs, request.seed, ENGINES[engine], progress
    )
    return Answer(model.facility, model.entry.id, request.years, lacks, rows)


def as_json(answer: Answer) -> Json:
    """The answer as plain JSON values."""
    return {"model": answer.model, "figures": [asdict(r) | {"share": r.share} for r in answer.rows]}
