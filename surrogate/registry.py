"""Registry of trained models on disk: one folder each, written atomically; one model is in service."""

import errno
import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from pydantic import ValidationError

from surrogate import service
from twin import Facility, UserError
from twin.home import home

if TYPE_CHECKING:  # a list of models does not need JAX
    from surrogate.learned import LearnedLaw

WEIGHTS, CARD, FACILITY = "weights.npz", "card.json", "facility.json"
SCHEMAS = ("beamtwin/model/1",)


@dataclass(frozen=True)
class Entry:
    """A model in the registry: its id, folder, the hash of its weights, and its card."""

    id: str
    path: Path
    sha256: str
    card: dict


@dataclass(frozen=True)
class Model:
    """A loaded model: its entry in the registry, its law and its calibrated facility."""

    entry: Entry
    law: "LearnedLaw"
    facility: Facility


def save(law: "LearnedLaw", card: dict, facility: Facility, folder: Path | None = None) -> Entry:
    """Add a model; its id is ``<facility>-<utc time>-<hash of the weights>``."""
    from surrogate import learned

    models = _models(folder)
    models.mkdir(parents=True, exist_ok=True)
    part = models / f".{uuid4().hex}"
    part.mkdir()
    try:
        learned.save(law, part / WEIGHTS)
        digest = _sha256(part / WEIGHTS)
        (part / FACILITY).write_text(facility.model_dump_json(indent=1) + "\n")
        card = _placed(part, models, facility.name, card | {"sha256": digest})
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Entry(card["id"], models / card["id"], digest, card)


def _placed(part: Path, models: Path, facility: str, card: dict) -> dict:
    """Move a model to its folder and return its card with the id; repeated until the id is unique."""
    while True:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        named = card | {"id": f"{facility}-{stamp}-{card['sha256'][:8]}"}
        (part / CARD).write_text(json.dumps(named, indent=1, allow_nan=False) + "\n")
        try:
            os.rename(part, models / named["id"])
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
        else:
            return named


def entries(facility: str | None = None, folder: Path | None = None) -> list[Entry]:
    """The models of one facility or of all, the newest first."""
    models = _models(folder)
    paths = (
        [p for p in models.iterdir() if (p / CARD).is_file() and p.name[0] != "."] if models.is_dir() else []
    )
    found = [_entry(path) for path in paths]
    ours = [e for e in found if facility is None or e.card.get("facility") == facility]
    return sorted(ours, key=lambda e: (e.id.rsplit("-", 2)[-2:], e.id), reverse=True)


def find(identity: str | None = None, facility: str | None = None, folder: Path | None = None) -> Entry:
    """A model by id (or a start of the id that is unique), or the one in service of a facility."""
    known = entries(facility, folder)
    if identity is None and known:
        identity = in_service(facility or known[0].card["facility"], folder)
    exact = [e for e in known if e.id == identity]
    close = exact or [e for e in known if identity and e.id.startswith(identity)]
    if len(close) != 1:
        raise _no_such(identity, facility, close or known, folder)
    return close[0]


def in_service(facility: str, folder: Path | None = None) -> str | None:
    """The id of the model in service: the promoted one, else the newest; None without any model."""
    newest = entries(facility, folder)
    return service.chosen(_models(folder), facility) or (newest[0].id if newest else None)


def promote(identity: str, folder: Path | None = None) -> Entry:
    """Put a model into service for its facility."""
    model = load(identity, folder=folder).entry
    facility = model.card["facility"]
    service.promote(_models(folder), facility, model.id, entries(facility, folder)[0].id)
    return model


def rollback(facility: str, folder: Path | None = None) -> Entry:
    """Undo the last promotion of a facility: the model that was in service before is in service again."""
    known = {e.id for e in entries(facility, folder)}
    return find(service.rollback(_models(folder), facility, known), facility, folder)


def load(identity: str | None = None, facility: str | None = None, folder: Path | None = None) -> Model:
    """A model by id, or the one in service of a facility (without a name: the facility of the newest model)."""
    from surrogate import learned

    chosen = find(identity, facility, folder)
    if chosen.card.get("schema") not in SCHEMAS:
        raise UserError(
            f"model {chosen.id}: its card is of schema {chosen.card.get('schema')!r}, this version reads "
            f"{', '.join(SCHEMAS)}; update beamtwin, or promote another model"
        )
    if _sha256(chosen.path / WEIGHTS) != chosen.sha256:
        raise UserError(f"{chosen.path / WEIGHTS}: not the weights that its card names; train again")
    try:
        own = Facility.model_validate_json((chosen.path / FACILITY).read_text())
    except (OSError, ValidationError) as error:
        raise UserError(f"{chosen.path / FACILITY}: cannot be read ({error}); train again") from None
    return Model(chosen, learned.load(chosen.path / WEIGHTS), own)


def _models(folder: Path | None) -> Path:
    return home() / "models" if folder is None else Path(folder)


def _entry(path: Path) -> Entry:
    try:
        card = json.loads((path / CARD).read_text())
        return Entry(path.name, path, card["sha256"], card)
    except (ValueError, KeyError) as error:
        raise UserError(
            f"{path / CARD}: not a model card ({error}); remove the folder or train again"
        ) from None


def _no_such(identity, facility, known, folder) -> UserError:
    whose = f" of facility {facility!r}" if facility else ""
    if identity and len(known) > 1 and all(e.id.startswith(identity) for e in known):
        return UserError(
            f"{identity!r} is the start of more than one model: {', '.join(e.id for e in known)}"
        )
    if identity is None or not known:
        return UserError(f"no trained model{whose} in {_models(folder)}; make one with `beamtwin train`")
    return UserError(
        f"no model {identity!r}{whose} in {_models(folder)}; there are: {', '.join(e.id for e in known)}"
    )


def _sha256(path: Path) -> str:
    if not path.is_file():
        raise UserError(f"{path}: missing; remove the folder or train again")
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
