"""Imports: a foreign log becomes a run-log, with an account of every row or sample."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from replay_data import archive_server, formats
from replay_data.assemble import ImportedChannel, assemble, refuse_row_keys
from replay_data.clean import Defect
from replay_data.mapping import ImportMap, load_map
from replay_data.record import Streamed
from replay_data.rows import Rows
from replay_data.runlog import write
from replay_data.sources import Columns, Signals, joined
from twin.errors import UserError
from twin.types import Progress, silent


@dataclass(frozen=True)
class Imported:
    """The account of an import: read = used + those skipped in ``defects`` (rows, or samples of signals)."""

    path: Path
    facility: str
    start: str
    hours: float
    rows_read: int
    rows_used: int
    channels: list[ImportedChannel]
    defects: list[Defect]
    counted: str = "rows"


@dataclass(frozen=True)
class Order:
    """What to import, as the user asks for it."""

    source: str  # a file, a folder or an archiver's address
    out: Path
    layout: ImportMap | None
    map_text: str
    facility: str | None
    span: archive_server.Range | None
    pvs: list[str]

    @property
    def live(self) -> bool:
        """Whether the source is a server."""
        return self.source.startswith(("http://", "https://"))


def import_log(
    source: str | Path,
    out: str | Path,
    map_path: str | Path | None = None,
    progress: Progress = silent,
    *,
    facility: str | None = None,
    span: archive_server.Range | None = None,
    pvs: list[str] | None = None,
) -> Imported:
    """Write the run-log ``out`` from a foreign file, folder or archiver, as the map or the source itself says.

    ``progress(text, part done)`` is called a few times. ``facility`` names the log where
    there is no map; ``span`` and (without a map) ``pvs`` are for an archiver.
    """
    layout = load_map(Path(map_path)) if map_path is not None else None
    text = Path(map_path).read_text(encoding="utf-8") if map_path is not None else ""
    order = Order(str(source), Path(out), layout, text, facility, span, pvs or [])
    _refuse(order)
    return _from_server(order, progress) if order.live else _from_files(order, progress)


def _refuse(order: Order) -> None:
    """Orders that contradict themselves."""
    if order.live and order.span is None:
        raise UserError(f"{order.source}: an archiver needs a range: --from TIME --to TIME")
    if order.live and not order.layout and not order.pvs:
        raise UserError(f"{order.source}: name what to fetch: --pv NAME (again for more) or --map MAP")
    if not order.live and (order.span is not None or order.pvs):
        raise UserError(f"{order.source}: --from, --to and --pv are for an archiver's address (http://...)")
    if order.layout and (order.facility or order.pvs):
        raise UserError("--map names the facility and the channels: leave out --facility and --pv")
    if not order.live and order.out.resolve() == Path(order.source).resolve():
        raise UserError(f"{order.out}: the output would replace the source; choose another name")


def _from_files(order: Order, say: Progress) -> Imported:
    """A file, or all files of a folder, by the importer that knows them."""
    source = Path(order.source)
    files = formats.files_of(source)
    say(f"reading {source.name}", 0.0)
    kinds = [formats.find(path, order.layout.table if order.layout else None) for path in files]
    if len({kind.name for kind in kinds}) > 1:
        names = ", ".join(f"{p.name}: {k.name}" for p, k in zip(files, kinds, strict=True))
        raise UserError(f"{source}: files of several kinds ({names}); import each kind by itself")
    if isinstance(kinds[0], formats.Channels):
        return _from_channels(order, kinds[0], files, say)
    if len(files) > 1:
        raise UserError(f"{source}: {len(files)} files of rows; join them into one, or import each by itself")
    return _from_rows(order, kinds[0], files[0], say)


def _from_rows(order: Order, kind: formats.Rows, path: Path, say: Progress) -> Imported:
    """Rows under one clock."""
    layout = order.layout
    if layout is None:
        if kind.deduce is None or order.facility is None:
            also = "" if kind.deduce is None else ", or --facility NAME to take all that it describes"
            raise UserError(
                f"{path}: an import of {kind.name} needs a map of its columns, --map MAP{also}; "
                "docs/importers.md says how, examples/fermi/map.toml is one"
            )
        layout = kind.deduce(path, order.facility)
    if layout.time is None or layout.time.unit == "trains":
        raise UserError(
            f"{path}: rows need a clock that fits them; write [time] in the map, docs/importers.md says how"
        )
    columns = kind.read(path, layout.columns, layout.table)
    layout, units = _units(layout, columns, path)
    say("building channels", 0.5)
    rows = Rows.of(columns, layout, path)
    log, accounts = rows.log(columns, layout)
    read, used = columns.rows + columns.ragged, int(rows.chosen.sum())
    _write(order, log, read, used, [path], say)
    defects = rows.defects + units + [
        Defect("warning", f"column {name}", "not a number", count, "dropped")
        for name, count in columns.not_numbers.items()
        if count
    ]  # fmt: skip
    channels = [accounts[name] for name in log.names]
    return Imported(order.out, log.facility, log.start, log.hours, read, used, channels, defects)


def _units(layout: ImportMap, columns: Columns, path: Path) -> tuple[ImportMap, list[Defect]]:
    """The map with the units that it leaves to the file, and a Defect where the two differ."""
    filled, defects = [], []
    for channel in layout.channel:
        said = columns.units.get(channel.columns[0], "") if len(channel.columns) == 1 else ""
        plain = (channel.scale, channel.power, channel.offset) == (1.0, 1.0, 0.0)
        if channel.unit is None and not said:
            raise UserError(
                f'{path}: channel {channel.name}: the file says no unit; write unit = "..." in the map'
            )
        if channel.unit is not None and said and plain and channel.unit != said:
            detail = f"{said!r} in the file, {channel.unit!r} in the map, and no scale"
            defects.append(
                Defect("warning", channel.name, "unit differs from the file's", columns.rows, "kept", detail)
            )
        filled.append(channel if channel.unit is not None else channel.model_copy(update={"unit": said}))
    return layout.model_copy(update={"channel": filled}), defects


def _from_channels(order: Order, kind: formats.Channels, files: list[Path], say: Progress) -> Imported:
    """Signals with clocks of their own, of one file or of all files of a folder."""
    layout = order.layout
    if layout is not None:
        refuse_row_keys(layout, order.source, kind.takes_clock)
    wanted = [c.columns[0] for c in layout.channel] if layout else None
    parts = []
    for i, path in enumerate(files):
        parts.append(kind.read(path, wanted, layout))
        say(f"read {path.name}", 0.8 * (i + 1) / len(files))
    found = parts[0]
    if len(parts) > 1:
        by_name: dict[str, list[Any]] = {}
        for part in parts:
            for signal in part.signals:
                by_name.setdefault(signal.name, []).append(signal)
        found = Signals([joined(pieces) for pieces in by_name.values()])
    return _from_signals(order, found, files, say)


def _from_server(order: Order, say: Progress) -> Imported:
    """The same of a server; its answers lie in one file beside the output until the log is written."""
    assert order.span is not None
    layout = order.layout
    if layout is not None:
        refuse_row_keys(layout, order.source, clock=False)
    wanted = [c.columns[0] for c in layout.channel] if layout else order.pvs
    state = order.out.with_name(f".{order.out.name}.import")
    found = archive_server.fetch(
        order.source, wanted, order.span, state, lambda text, part: say(text, 0.8 * part)
    )
    done = _from_signals(order, found, [], say)
    state.unlink()
    return done


def _from_signals(order: Order, found: Signals, files: list[Path], say: Progress) -> Imported:
    facility = (order.layout.facility if order.layout else order.facility) or found.facility
    if not facility:
        raise UserError(
            f"{order.source}: does not say of which facility it is: give --facility NAME, or a map"
        )
    log, channels, defects = assemble(found, order.layout, facility, order.source)
    used = sum(channel.samples for channel in channels)
    read = used + sum(channel.missing for channel in channels)
    _write(order, log, read, used, files, say)
    return Imported(order.out, log.facility, log.start, log.hours, read, used, channels, defects, "samples")


def _write(order: Order, log: Streamed, read: int, used: int, files: list[Path], say: Progress) -> None:
    """Write the log channel by channel, its provenance in the table ``import``."""
    log.tables["import"] = _provenance(order, files, read, used)
    say(f"writing {order.out.name}", 0.8)
    write(log, order.out)
    say("done", 1.0)


def _provenance(order: Order, files: list[Path], read: int, used: int) -> dict[str, np.ndarray]:
    """A row a source file: from which bytes, by which map, the log was made; of a server, what it was asked."""
    if order.live:
        assert order.span is not None
        names, digests = [f"{order.source} from {order.span.start} to {order.span.end}"], [""]
    else:
        inside = [sorted(p.iterdir()) if p.is_dir() else [p] for p in files]
        names = [path.name for paths in inside for path in paths]
        digests = [_sha256(path) for paths in inside for path in paths]
    n = len(names)
    return {
        "source": np.array(names),
        "sha256": np.array(digests),
        "map": np.array([order.map_text] * n),
        "rows_read": np.full(n, read),
        "rows_used": np.full(n, used),
    }


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
