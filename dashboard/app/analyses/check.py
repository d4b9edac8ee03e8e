"""Validation of a facility, a scenario or a log."""

from dataclasses import dataclass
from pathlib import Path

from replay_data.check import Report
from replay_data.check import check as check_log
from replay_data.runlog import is_runlog, open_log
from twin import load, whatif
from twin.types import Json, Progress


@dataclass(frozen=True)
class Request:
    """A file, or the name of a built-in facility; ``facility`` is that of a log, if it is not built in."""

    file: str
    facility: str | None = None


@dataclass(frozen=True)
class Answer:
    """The kind of the file (facility, scenario or log), the name of its facility, and the report on a log."""

    file: str
    kind: str
    facility: str
    cases: int = 0  # of a scenario
    report: Report | None = None  # on a log


def run(request: Request, progress: Progress) -> Answer:
    """Read and check; a mistake in a facility or a scenario is a UserError."""
    path = Path(request.file)
    progress(f"checking {path.name}", 0.0)
    if path.suffix == ".toml" and path.is_file() and "\n[[case]]" in "\n" + path.read_text():
        scenario = whatif.read(path)
        for case in scenario.case:
            whatif.changed(whatif.facility_of(scenario, path), case)
        return Answer(request.file, "scenario", scenario.facility, len(scenario.case))
    if not is_runlog(path):
        return Answer(request.file, "facility", load(request.file).name)
    with open_log(path) as log:
        facility = load(request.facility or log.facility)
        return Answer(request.file, "log", facility.name, report=check_log(log, facility))


def as_json(answer: Answer) -> Json:
    """The report on a log as plain JSON values."""
    if (report := answer.report) is None:
        return {"kind": answer.kind, "facility": answer.facility, "defects": []}
    return {
        "read": report.read, "kept": report.kept, "dropped": report.dropped, "repaired": report.repaired,
        "defects": [vars(d) for d in report.defects],
    }  # fmt: skip
