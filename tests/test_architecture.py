"""The house itself: walls between the rooms, files of one idea, and a word on everything public."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from replay_data.record import TABLES

ROOT = Path(__file__).parent.parent
ROOMS = ("twin", "replay_data", "surrogate", "controllers", "dashboard")
FILES = sorted(path for room in ROOMS for path in (ROOT / room).glob("**/*.py"))
MOST_LINES = 450
INSIDE = "twin/batched/"
"""Parts of the batched engine, which only the engine imports: nothing in them is public."""


ABOVE = [
    path for path in FILES if path.relative_to(ROOT).parts[0] in ("surrogate", "controllers", "dashboard")
]
RAW = ("channel", "blocks", "bare", "samples")
"""What a log, but not a ``LogView`` of it, can be asked for: samples as recorded, which nothing has cleaned."""


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


every_file = pytest.mark.parametrize("path", FILES, ids=named)


def test_the_import_contracts_hold():
    command = [str(Path(sys.executable).parent / "lint-imports")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_there_are_files_in_every_room():
    assert {path.relative_to(ROOT).parts[0] for path in FILES} == set(ROOMS)


def test_only_the_batched_engine_knows_its_parts():
    for path in FILES:
        if INSIDE not in path.as_posix():
            assert "from twin.batched." not in path.read_text(), path


def raw_reads(text: str) -> list[str]:
    """The calls in a file that ask a log for what it recorded, uncleaned."""
    calls = [
        n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)
    ]
    found = [
        call for call in calls if call.func.attr in RAW or (call.func.attr == "table" and _recorded(call))
    ]
    return [f"line {call.lineno}: {ast.unparse(call)}" for call in found]


def _recorded(call: ast.Call) -> bool:
    return bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value in TABLES


def test_a_raw_read_is_recognised():
    text = "log.channel(name)\nlog.table('faults')\nparts.table('Faults', rows)\nview.held(name)\nlog.blocks(n)\n"
    assert [found.split(":")[0] for found in raw_reads(text)] == ["line 1", "line 2", "line 5"]


@pytest.mark.parametrize("path", ABOVE, ids=named)
def test_above_replay_data_a_log_is_read_through_its_view_alone(path):
    assert raw_reads(path.read_text()) == []


@every_file
def test_a_file_says_what_it_is_in_its_first_line(path):
    text = path.read_text()
    assert text.startswith('"""'), "the first line is not a docstring"
    first = (ast.get_docstring(ast.parse(text)) or "").splitlines()[0]
    assert len(first) > 10


@every_file
def test_a_file_is_short_enough_for_one_idea(path):
    lines = len(path.read_text().splitlines())
    assert lines <= MOST_LINES


@pytest.mark.parametrize("path", [p for p in FILES if INSIDE not in p.as_posix()], ids=named)
def test_everything_public_says_what_it_does(path):
    kinds = ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef
    public = [n for n in ast.parse(path.read_text()).body if isinstance(n, kinds) and n.name[0] != "_"]
    assert [node.name for node in public if not ast.get_docstring(node)] == []
