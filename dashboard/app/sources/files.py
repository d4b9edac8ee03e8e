"""A source that reads files: stored recommendations, their logs, and the ledger of decisions."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controllers.recommendation import Recommendation, read
from dashboard.app.store.files import write_json, write_text
from dashboard.app.store.ledger import Ledger
from replay_data.record import Log, instant
from replay_data.runlog import open_log
from replay_data.view import LogView
from twin import Facility, UserError
from twin.home import home
from twin.types import Json

STALE_H = 12.0
TREND_H = 336.0


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


class FileSource:
    """The folder of stored recommendations: the newest of each facility, and all earlier ones."""

    def __init__(self, folder: Path | None = None, clock: Callable[[], datetime] = utc_now):
        self.folder = folder or home()
        self.ledger = Ledger(self.folder / "ledger.sqlite")
        self._clock = clock
        self._read: dict[Path, tuple[tuple[int, int], Json]] = {}

    def keep(self, recommendation: Recommendation, facility: Facility) -> Path:
        """Store a recommendation as the newest of its facility; return the path of its file."""
        stamp = f"{recommendation.made_at.astimezone(UTC):%Y%m%d%H%M%S}"
        name = recommendation.facility
        path = write_json(recommendation.stored(), self._stored / f"{name}-{stamp}.json")
        write_text(facility.model_dump_json(), self._stored / f"{name}.facility.json")
        write_json(recommendation.stored(), self._stored / f"{name}.latest.json")
        return path

    def facilities(self) -> list[str]:
        """Facilities with a recommendation."""
        return sorted(p.name.removesuffix(".latest.json") for p in self._stored.glob("*.latest.json"))

    def recommendation(self, facility: str) -> Recommendation | None:
        """The newest recommendation of a facility. The name is looked up, never used as a path."""
        if facility not in self.facilities():
            return None
        path = self._stored / f"{facility}.latest.json"
        made = read(path)
        if made.facility != facility:
            raise UserError(
                f"{path} is a recommendation for {made.facility!r}, not for {facility!r}; remove the file"
            )
        return made

    def state(self, facility: str) -> Json | None:
        """The last state of the machine in the log; None if the log cannot be read."""
        made = self.recommendation(facility)
        described = self._stored / f"{facility}.facility.json"
        if made is None or not described.is_file() or not Path(made.evidence.log).is_file():
            return None
        path = Path(made.evidence.log)
        stamp = (path.stat().st_mtime_ns, described.stat().st_mtime_ns)
        if self._read.get(path, (None,))[0] != stamp:
            try:
                with open_log(path) as log:
                    if log.facility != facility:
                        return None
                    last = machine(log, Facility.model_validate_json(described.read_text()))
            except (UserError, OSError, RuntimeError, KeyError, ValueError):  # a damaged log: no data
                return None
            self._read[path] = (stamp, last)
        return aged(self._read[path][1], self._clock())

    @property
    def _stored(self) -> Path:
        return self.folder / "recommendations"


def aged(last: Json, now: datetime) -> Json:
    """The last state of a log, with ages at ``now``; older than STALE_H it is stale."""
    age = (now - datetime.fromisoformat(last["time"])).total_seconds() / 3600.0
    rows = [row | {"age_h": row["age_h"] + age} for row in last["rows"]]
    return last | {"age_h": age, "stale": age > STALE_H, "rows": rows}


def machine(log: Log, facility: Facility) -> Json:
    """The last value of each channel, its age at the end of the log, its limits, and a trend of two weeks."""
    end, view = instant(log.start) + timedelta(hours=log.hours), LogView(log, facility)
    rows, trend = [], {}
    items = [(k, "setpoint", k.low, k.high, k.precision) for k in facility.knob]
    items += [(c, "condition", None, None, 2) for c in facility.condition]
    items += [(q, "quantity", q.low, q.high, 2) for q in facility.quantity]
    for item, role, low, high, precision in items:
        channel = view.tail(item.name, log.hours - TREND_H)
        if channel is None:
            continue
        behind = 0.0 if channel.held else log.hours - float(channel.time_h[-1])
        rows.append({
            "name": item.name, "title": item.title, "pv": item.pv, "unit": item.unit, "precision": precision,
            "value": float(channel.value[-1]), "low": low, "high": high, "age_h": behind, "role": role,
        })  # fmt: skip
        late = channel.time_h >= log.hours - TREND_H
        trend[item.name] = {"time_h": channel.time_h[late].tolist(), "value": channel.value[late].tolist()}
    return {
        "time": end.isoformat(timespec="seconds"),
        "beam_state": _beam(view),
        "rows": rows,
        "trend": trend,
    }


def _beam(view: LogView) -> int | None:
    held = view.held("beam_state")
    return None if held is None else int(held.value[-1])
