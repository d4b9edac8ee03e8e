"""The models in service: one file for each registry, with its history, safe with concurrent writers."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from replay_data.store import whole
from twin import UserError

FILE, LOCK = "in-service.json", ".lock"
SCHEMA = "beamtwin/in-service/1"


def read(models: Path) -> dict[str, list[dict]]:
    """The history of each facility, the oldest first: rows of ``id``, ``before``, ``action`` and ``at``."""
    path = models / FILE
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UserError(
            f"{path}: cannot be read ({error}); repair it, or remove it and promote again"
        ) from None
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        theirs = found.get("schema") if isinstance(found, dict) else None
        raise UserError(f"{path}: schema {theirs!r}, this version reads {SCHEMA!r}; update beamtwin")
    return found["facilities"]


def chosen(models: Path, facility: str) -> str | None:
    """The id that was promoted for a facility; None without a promotion: then the newest model is in service."""
    history = read(models).get(facility, [])
    return history[-1]["id"] if history else None


def promote(models: Path, facility: str, identity: str, newest: str) -> None:
    """Put a model into service; before the first promotion ``newest`` was in service."""
    with _changing(models) as facilities:
        history = facilities.setdefault(facility, [])
        history.append(_row("promote", identity, history[-1]["id"] if history else newest))


def rollback(models: Path, facility: str, known: set[str]) -> str:
    """Put the model before the present one into service again, if it still exists; returns its id."""
    with _changing(models) as facilities:
        history = facilities.setdefault(facility, [])
        stack: list[dict] = []
        for row in history:
            stack = stack[:-1] if row["action"] == "rollback" else [*stack, row]
        if not stack:
            raise UserError(f"facility {facility!r}: no promotion is left to undo")
        if stack[-1]["before"] not in known:
            raise UserError(
                f"{models}: model {stack[-1]['before']!r} was in service before and is gone; promote another"
            )
        history.append(_row("rollback", stack[-1]["before"], stack[-1]["id"]))
        return history[-1]["id"]


def _row(action: str, identity: str, before: str) -> dict:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return {"action": action, "id": identity, "before": before, "at": at}


@contextmanager
def _changing(models: Path) -> Iterator[dict[str, list[dict]]]:
    """The histories, to be changed by one writer at a time; the file is replaced if no error is raised.

    The lock is flock of the kernel, which releases it when the process ends. It works on local disks and on NFS
    from version 4 on. Readers need no lock, because the file is replaced in one step.
    """
    models.mkdir(parents=True, exist_ok=True)
    with open(models / LOCK, "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            raise UserError(
                f"{models}: cannot be locked ({error}); keep the registry on a disk that can lock files"
            ) from None
        facilities = read(models)
        yield facilities
        with whole(models / FILE) as part:
            part.write_text(json.dumps({"schema": SCHEMA, "facilities": facilities}, indent=1) + "\n")
