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
CIRCLE = {
    "twin/reference/access.py", "twin/reference/beam.py", "twin/reference/accounting.py", "twin/reference/bernoulli.py",
    "twin/reference/crews.py", "twin/reference/lines.py", "twin/reference/failures.py", "twin/reference/recovery.py",
    "twin/reference/run.py", "twin/reference/common_causes.py", "twin/reference/standby.py", "twin/reference/spares.py",
    "twin/reference/units.py", "twin/reference/maintenance.py", "twin/reference/visits.py",
}  # fmt: skip
"""The one import circle that is left: parts of the reference engine name the run that holds them, for its type."""


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


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path, modules: dict[str, str]) -> set[str]:
    """The files that a file imports: anywhere in it, for types alone or within a function too."""
    here, found = module_of(path), set()
    package = here if path.name == "__init__.py" else here.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            parts = {f"{module}.{alias.name}" for alias in node.names}
            inside = parts & modules.keys()
            found |= inside | ({module} if inside != parts else set())
    return {modules[module] for module in found & modules.keys()} - {named(path)}


def circles(imports: dict[str, set[str]]) -> list[set[str]]:
    """Sets of two or more files, each of which leads by imports to all others (Tarjan 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(file: str) -> None:
        order[file] = low[file] = len(order)
        stack.append(file)
        for other in sorted(imports[file]):
            if other not in order:
                visit(other)
            if other in stack:
                low[file] = min(low[file], low[other])
        if low[file] == order[file]:
            at = stack.index(file)
            circle, stack[at:] = set(stack[at:]), []
            found.extend([circle] if len(circle) > 1 else [])

    for file in imports:
        if file not in order:
            visit(file)
    return found


def test_circles_are_found_wherever_the_import_stands(tmp_path, monkeypatch):
    texts = {
        "twin/a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from twin.b import B\n",
        "twin/b.py": "def late():\n    from twin import c\n",
        "twin/c.py": "from . import a\n",
        "twin/d.py": "import twin.a\n",
    }
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "twin").mkdir()
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    modules = {module_of(tmp_path / name): name for name in texts}
    imports = {name: imported(tmp_path / name, modules) for name in texts}
    assert circles(imports) == [{"twin/a.py", "twin/b.py", "twin/c.py"}]


def test_no_files_import_each_other_in_a_circle_but_the_one_that_is_known():
    modules = {module_of(path): named(path) for path in FILES}
    found = circles({named(path): imported(path, modules) for path in FILES})
    assert [sorted(circle - CIRCLE) for circle in found if circle - CIRCLE] == []
    assert set().union(*found) == CIRCLE, "some file has left the circle: strike it from the list"


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
