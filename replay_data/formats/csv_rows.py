"""CSV: UTF-8, a header line, then one row per line."""

import csv
from pathlib import Path

import numpy as np

from replay_data.formats.protocol import Rows
from replay_data.sources import Columns, all_there
from twin.errors import UserError


def read(path: Path, wanted: list[str], table: str | None) -> Columns:
    """The wanted columns as text; a row with another number of fields than the header is left out."""
    if table is not None:
        raise UserError(f"{path}: a CSV has no tables; remove table = {table!r} from the map")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            header = [name.strip() for name in next(rows, [])]
            all_there(path, wanted, header)
            place = [header.index(name) for name in wanted]
            cells, ragged = [], 0
            for row in rows:
                if len(row) == len(header):
                    cells.append([row[i] for i in place])
                else:
                    ragged += bool(row)  # a blank line is not a row
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a CSV in UTF-8: {error}") from None
    table_of = np.array(cells, dtype=object).reshape(len(cells), len(wanted))
    return Columns({name: table_of[:, i] for i, name in enumerate(wanted)}, len(cells), ragged)


CSV = Rows("csv", (".csv",), read)
