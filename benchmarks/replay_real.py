"""Real logs replayed beside their twins, with their pictures.

    python -m benchmarks.replay_real [DATA]

DATA is the folder of the real logs (default: $BEAMTWIN_DATA or ../shared/data). Each log goes the way a user
goes: import with its map, train where it can be learned from, replay. The pictures of docs/replay.md are
written anew. The LCLS model learns from the first 70 % of its night only, so that the rest judges it.
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from dashboard.cli.main import main as beamtwin
from replay_data.record import Record
from replay_data.runlog import open_log, write

ROOT = Path(__file__).parents[1]
SHARE = 0.7
LOGS = {
    "aps8id": ("aps_8id_scans_2016/aps_8id_scans_2016.h5", "replay-real.png"),
    "lcls": ("slac_tuning_2026/slac_tuning_2026.h5", "replay-drift.png"),
}


def earlier(path: Path, share: float) -> Path:
    """The first ``share`` of a log's stamps as a log of its own, beside it."""
    with open_log(path) as log:
        channels = {name: log.channel(name) for name in log.names}
        stamps = np.unique(np.concatenate([c.time_h for c in channels.values()]))
        until = float(stamps[int(len(stamps) * share)])
        kept = {n: c.keep(c.time_h < until) for n, c in channels.items()}
        record = Record(log.facility, log.start, until, kept, tabular=log.tabular)
    write(record, path.with_suffix(".early.h5"))
    return path.with_suffix(".early.h5")


def picture(page: Path, png: Path) -> None:
    """The whole page as a PNG through headless chromium."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": 1240, "height": 100})
        view.goto(page.as_uri())
        view.wait_for_selector(".main-svg")
        view.screenshot(path=str(png), full_page=True)
        browser.close()


def replay(name: str, source: Path, folder: Path, png: Path) -> None:
    """One log from its source to its picture."""
    example = ROOT / "examples" / name
    log, page = folder / f"{name}.h5", folder / f"{name}.html"
    facility = str(example / "facility.toml")
    beamtwin(["import", str(source), "-o", str(log), "--map", str(example / "map.toml")])
    if name == "lcls":
        beamtwin(["train", facility, str(earlier(log, SHARE))])
    beamtwin(["replay", facility, str(log), "--plot", str(page)])
    picture(page, png)


def main(data: str | None = None) -> None:
    """Replay what is at hand; say what is not."""
    home = Path(data or os.environ.get("BEAMTWIN_DATA") or ROOT / "../shared/data")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BEAMTWIN_HOME"] = folder
        for name, (source, png) in LOGS.items():
            if (home / source).is_file():
                replay(name, home / source, Path(folder), ROOT / "docs" / png)
            else:
                print(f"{name}: skipped, {home / source} is not there")


if __name__ == "__main__":
    main(*sys.argv[1:])
