"""JAX as every part uses it: 64-bit numbers whoever comes first, and compiled programs that the next process finds."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("twin", "replay_data", "surrogate", "controllers")
ADDS = """
import sys
if sys.argv[1] == "jax first":
    import jax
from twin.jax_setup import keep_compiled
keep_compiled()
import jax, jax.monitoring
assert jax.config.jax_enable_x64
events = []
jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
assert jax.jit(lambda x: x + 1e-12)(1.0) > 1.0
print(events.count("/jax/compilation_cache/cache_hits"))
"""


def printed(code: str, *arguments: str, **environment: str) -> str:
    """What a new process prints, in which nobody has said anything to JAX before."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=kept | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_next_process_finds_the_compiled_programs_whatever_was_imported_first(tmp_path):
    small = {"BEAMTWIN_HOME": str(tmp_path), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    assert int(printed(ADDS, "jax first", **small)) == 0
    assert any((tmp_path / "compiled").iterdir())
    assert int(printed(ADDS, "twin first", **small, JAX_ENABLE_X64="0")) > 0


def test_every_command_keeps_its_compiled_programs_in_the_home(tmp_path):
    code = (
        "import os; from dashboard.cli.main import main; main(['facilities']); "
        "print(os.environ['JAX_COMPILATION_CACHE_DIR'])"
    )
    said = printed(code, BEAMTWIN_HOME=str(tmp_path))
    assert said.splitlines()[-1] == str(tmp_path / "compiled")


def test_a_folder_that_the_environment_names_is_used(tmp_path):
    code = (
        "import os; from twin.jax_setup import keep_compiled; keep_compiled(); "
        "print(os.environ['JAX_COMPILATION_CACHE_DIR'])"
    )
    assert printed(code, JAX_COMPILATION_CACHE_DIR=str(tmp_path)).strip() == str(tmp_path)


@pytest.mark.parametrize("room", ROOMS)
def test_whoever_enters_a_room_has_set_64_bits(room):
    said = printed(f"import os, {room}; print(os.environ['JAX_ENABLE_X64'])")
    assert said.strip() == "1"


def imported(path: Path) -> set[str]:
    """The packages that a file imports, anywhere in it."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    named = [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return {name.split(".")[0] for name in plain + named}


def test_the_dashboard_speaks_to_jax_only_where_it_has_entered_a_room():
    speaking = [path for path in (ROOT / "dashboard").glob("**/*.py") if "jax" in imported(path)]
    assert [path for path in speaking if not imported(path) & set(ROOMS)] == []
