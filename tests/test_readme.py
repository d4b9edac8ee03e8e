"""The README's console blocks run as they stand; what they say they print is compared."""

import re
from pathlib import Path

import pytest

from dashboard.cli.main import main

ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
QUICK = ("facilities", "simulate", "whatif", "synthesize", "check")


def commands(block):
    """(arguments, expected output) of each line that starts with a dollar."""
    for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
        line, _, printed = part.partition("\n")
        yield line.removeprefix("beamtwin ").split(), printed


def run(arguments, printed, capsys):
    arguments = [str(ROOT / a) if a.startswith("examples/") else a for a in arguments]
    assert main(arguments) == 0, arguments
    said = capsys.readouterr().out
    if printed:
        lines = [line.rstrip() for line in said.strip().splitlines()]
        assert lines == [line.rstrip() for line in printed.strip().splitlines()]


def test_the_quick_commands_of_the_readme_run_as_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BEAMTWIN_HOME", str(tmp_path))
    done = 0
    for arguments, printed in (c for b in BLOCKS for c in commands(b)):
        if arguments[0] in QUICK:
            run(arguments, printed, capsys)
            done += 1
    assert done >= len(QUICK)


@pytest.mark.slow
def test_ten_minutes_of_use_run_as_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BEAMTWIN_HOME", str(tmp_path))
    for arguments, printed in (c for b in BLOCKS for c in commands(b)):
        run(arguments, printed, capsys)
