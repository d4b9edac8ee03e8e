"""Imports: convert a foreign log to a run-log, with an account of every row or sample."""

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
    """The account of an import: rows (of signals: samples) read = used + those skipped in ``defects``."""

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
    """What the user asked to import."""

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
    """Write the run-log ``out`` from a foreign file, folder or archiver.

    The map, or without one the source itself, defines the channels. ``progress(text, part done)`` is called
    a few times. ``facility`` names the facility where there is no map; ``span`` and (without a map) ``pvs``
    are for an archiver.
    """
    layout = load_map(Path(map_path)) if map_path is not None else None
    text = Path(map_path).read_text(encoding="utf-8") if map_path is not None else ""
    order = Order(str(source), Path(out), layout, text, facility, span, pvs or [])
    _refuse(order)
    return _from_server(order, progress) if order.live else _from_files(order, progress)


def _refuse(order: Order) -> None:
    """Refuse options that contradict each other."""
    if order.live and order.span is None:
        raise UserError(f"{order.source}: an archiver needs a range: --from TIME --to TIME")
    if order.live and not order.layout and not order.pvs:
        raise UserError(
            f"{order.source}: name what to fetch: --pv NAME (repeat it for more PVs) or --map MAP"
        )
    if not order.live and (order.span is not None or order.pvs):
        raise UserError(f"{order.source}: --from, --to and --pv are for an archiver's address (http://...)")
    if order.layout and (order.facility or order.pvs):
        raise UserError("--map names the facility and the channels: leave out --facility and --pv")
    if not order.live and order.out.resolve() == Path(order.source).resolve():
        raise UserError(f"{order.out}: the output would replace the source; choose another name")


def _from_files(order: Order, progress: Progress) -> Imported:
    """A file, or all files of a folder, read by the importer of their format."""
    source = Path(order.source)
    files = formats.files_of(source)
    progress(f"reading {source.name}", 0.0)
    kinds = [formats.find(path, order.layout.table if order.layout else None) for path in files]
    if len({kind.name for kind in kinds}) > 1:
        names = ", ".join(f"{p.name}: {k.name}" for p, k in zip(files, kinds, strict=True))
        raise UserError(f"{source}: files of several formats ({names}); import each format separately")
    if isinstance(kinds[0], formats.Channels):
        return _from_channels(order, kinds[0], files, progress)
    if len(files) > 1:
        raise UserError(
            f"{source}: {len(files)} files with rows; join them into one, or import each separately"
        )
    return _from_rows(order, kinds[0], files[0], progress)


def _from_rows(order: Order, kind: formats.Rows, path: Path, progress: Progress) -> Imported:
    """Rows that share one clock."""
    layout = order.layout
    if layout is None:
        if kind.deduce is None or order.facility is None:
            also = "" if kind.deduce is None else ", or --facility NAME to import all that the file describes"
            raise UserError(
                f"{path}: an import of {kind.name} needs a map of its columns, --map MAP{also}; "
                "see docs/importers.md and the example examples/fermi/map.toml"
            )
        layout = kind.deduce(path, order.facility)
    if layout.time is None or layout.time.unit == "trains":
        raise UserError(
            f"{path}: rows need a clock other than train numbers; write [time] in the map, see docs/importers.md"
        )
    columns = kind.read(path, layout.columns, layout.table)
    layout, units = _units(layout, columns, path)
    progress("building channels", 0.5)
    rows = Rows.of(columns, layout, path)
    log, accounts = rows.log(columns, layout)
    read, used = columns.rows + columns.ragged, int(rows.chosen.sum())
    _write(order, log, read, used, [path], progress)
    defects = rows.defects + units + [
        Defect("warning", f"column {name}", "not a number", count, "dropped")
        for name, count in columns.not_numbers.items()
        if count
    ]  # fmt: skip
    channels = [accounts[name] for name in log.names]
    return Imported(order.out, log.facility, log.start, log.hours, read, used, channels, defects)


def _units(layout: ImportMap, columns: Columns, path: Path) -> tuple[ImportMap, list[Defect]]:
    """The map completed with units from the file, and a Defect for each unit in which the two differ."""
    filled, defects = [], []
    for channel in layout.channel:
        in_file = columns.units.get(channel.columns[0], "") if len(channel.columns) == 1 else ""
        plain = (channel.scale, channel.power, channel.offset) == (1.0, 1.0, 0.0)
        if channel.unit is None and not in_file:
            raise UserError(
                f'{path}: channel {channel.name}: the file gives no unit; write unit = "..." in the map'
            )
        if channel.unit is not None and in_file and plain and channel.unit != in_file:
            detail = f"{in_file!r} in the file, {channel.unit!r} in the map, and no scale"
            defects.append(
                Defect("warning", channel.name, "unit differs from the file's", columns.rows, "kept", detail)
            )
        filled.append(channel if channel.unit is not None else channel.model_copy(update={"unit": in_file}))
    return layout.model_copy(update={"channel": filled}), defects


def _from_channels(order: Order, kind: formats.Channels, files: list[Path], progress: Progress) -> Imported:
    """Signals, each with its own clock, of one file or of all files of a folder."""
    layout = order.layout
    if layout is not None:
        refuse_row_keys(layout, order.source, kind.takes_clock)
    wanted = [c.columns[0] for c in layout.channel] if layout else None
    parts = []
    for i, path in enumerate(files):
        parts.append(kind.read(path, wanted, layout))
        progress(f"read {path.name}", 0.8 * (i + 1) / len(files))
    found = parts[0]
    if len(parts) > 1:
        by_name: dict[str, list[Any]] = {}
        for part in parts:
            for signal in part.signals:
                by_name.setdefault(signal.name, []).append(signal)
        found = Signals([joined(pieces) for pieces in by_name.values()])
    return _from_signals(order, found, files, progress)


def _from_server(order: Order, progress: Progress) -> Imported:
    """Signals from a server; its answers are kept in a file next to the output until the log is written."""
    assert order.span is not None
    layout = order.layout
    if layout is not None:
        refuse_row_keys(layout, order.source, clock=False)
    wanted = [c.columns[0] for c in layout.channel] if layout else order.pvs
    state = order.out.with_name(f".{order.out.name}.import")
    found = archive_server.fetch(
        order.source, wanted, order.span, state, lambda text, part: progress(text, 0.8 * part)
    )
    done = _from_signals(order, found, [], progress)
    state.unlink()
    return done


def _from_signals(order: Order, found: Signals, files: list[Path], progress: Progress) -> Imported:
    facility = (order.layout.facility if order.layout else order.facility) or found.facility
    if not facility:
        raise UserError(f"{order.source}: does not name its facility; give --facility NAME, or a map")
    log, channels, defects = assemble(found, order.layout, facility, order.source)
    used = sum(channel.samples for channel in channels)
    read = used + sum(channel.missing for channel in channels)
    _write(order, log, read, used, files, progress)
    return Imported(order.out, log.facility, log.start, log.hours, read, used, channels, defects, "samples")


def _write(order: Order, log: Streamed, read: int, used: int, files: list[Path], progress: Progress) -> None:
    """Write the log channel by channel, with its provenance in the table ``import``."""
    log.tables["import"] = _provenance(order, files, read, used)
    progress(f"writing {order.out.name}", 0.8)
    write(log, order.out)
    progress("done", 1.0)


def _provenance(order: Order, files: list[Path], read: int, used: int) -> dict[str, np.ndarray]:
    """One row per source file: the hash of its bytes, and the map; of a server, the request."""
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
