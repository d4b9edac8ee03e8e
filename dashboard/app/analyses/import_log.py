"""Import of a log of another format: a file, a folder of files, or the address of an archiver."""

from dataclasses import dataclass

from dashboard.app import bounds
from replay_data.archive_server import Range
from replay_data.importers import Imported, import_log
from twin import UserError
from twin.types import Json, Progress


@dataclass(frozen=True)
class Request:
    """The source, the file to write and the map of columns; for an archiver also the time range and the PVs."""

    source: str
    output: str
    map: str | None = None
    facility: str | None = None
    begin: str | None = None  # ISO 8601
    end: str | None = None
    pvs: tuple[str, ...] = ()
    chunk_h: float = 24.0  # hours a request to an archiver

    def __post_init__(self) -> None:
        bounds.above_zero(chunk_h=self.chunk_h)
        if (self.begin is None) != (self.end is None):
            raise UserError("a range needs both --from TIME and --to TIME")


def run(request: Request, progress: Progress) -> Imported:
    """Import a log. An interrupted import from an archiver is resumed."""
    span = None
    if request.begin is not None and request.end is not None:
        span = Range(request.begin, request.end, request.chunk_h)
    return import_log(
        request.source, request.output, request.map, progress,
        facility=request.facility, span=span, pvs=list(request.pvs),
    )  # fmt: skip


def as_json(answer: Imported) -> Json:
    """The numbers of rows read and used, and the defects, as plain JSON values."""
    return {
        "rows_read": answer.rows_read,
        "rows_used": answer.rows_used,
        "defects": [vars(d) for d in answer.defects],
    }
