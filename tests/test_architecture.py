"""The house itself: walls between the rooms, files of one idea, and a word on everything public."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("twin", "replay_data", "surrogate", "controllers", "dashboard")
FILES = sorted(path for room in ROOMS for path in (ROOT / room).glob("**/*.py"))
MOST_LINES = 450
INSIDE = "twin/batched/"
"""Parts of the batched engine, which only the engine imports: nothing in them is public."""


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
