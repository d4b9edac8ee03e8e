"""What each command imports: help costs nothing, and a command imports the heavy packages that it needs, no others."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.cli.commands import commands

ROOT = Path(__file__).parent.parent
HEAVY = {
    "dash", "equinox", "h5py", "jax", "numpy", "optax", "pandas", "plotly", "pyarrow", "pydantic", "rich", "scipy",
    "simpy", "sklearn", "xarray",
}  # fmt: skip
LIGHT = {"numpy", "pydantic", "rich"}
TABLES = {"h5py", "pandas", "pyarrow", "scipy", "xarray"}
TWIN = {"jax", "scipy", "simpy"}
LEARNED = TWIN | TABLES | {"equinox", "optax", "sklearn"}
PAGE = {"dash", "plotly"}

CASES: dict[str, tuple[list[str], set[str]]] = {
    "facilities": (["facilities"], LIGHT),
    "models": (["models"], LIGHT | {"h5py"}),
    "check": (["check", "LOG"], LIGHT | TABLES),
    "downtime": (["downtime", "storage-ring", "LOG"], LIGHT | TABLES),
    "export": (["export", "NONE", "-o", "OUT", "--kind", "csv"], LIGHT | TABLES),
    "resample": (["resample", "NONE", "-o", "OUT", "--every", "1h"], LIGHT | TABLES),
    "import": (["import", "NONE", "-o", "OUT"], LIGHT | TABLES),
    "draft": (["draft", "NONE", "-o", "OUT"], LIGHT | TABLES),
    "synthesize": (["synthesize", "nowhere", "-o", "OUT"], LIGHT | TABLES | TWIN),
    "simulate": (["simulate", "nowhere"], LIGHT | TWIN),
    "whatif": (["whatif", "NONE"], LIGHT | TWIN),
    "train": (["train", "storage-ring", "NONE"], LIGHT | LEARNED),
    "replay": (["replay", "storage-ring", "NONE"], LIGHT | LEARNED),
    "evaluate": (["evaluate", "storage-ring", "NONE", "--shift", "coupling=0.1"], LIGHT | LEARNED),
    "recommend": (["recommend", "storage-ring", "NONE"], LIGHT | LEARNED | PAGE),
    "advise": (["advise", "storage-ring", "NONE"], LIGHT | LEARNED),
    "policy": (["policy", "show", "nowhere"], LIGHT | LEARNED),
    "outcome": (["outcome", "NONE"], LIGHT | LEARNED),
    "story": (["story", "nowhere"], LIGHT | LEARNED),
    "serve": (["serve", "--port", "PORT"], LIGHT | LEARNED | PAGE),
}
"""A cheap run of each command, most of them refused after their imports; the heavy packages that it may import."""

RUN = """
import json, sys
from dashboard.cli.main import main
try:
    main(json.loads(sys.argv[1]))
except SystemExit:
    pass
print("imported", json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


def imported(arguments: list[str], home: Path) -> set[str]:
    """The heavy packages that a process has imported after one command."""
    env = os.environ | {"BEAMTWIN_HOME": str(home)}
    command = [sys.executable, "-c", RUN, json.dumps(arguments)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("imported "), done.stderr
    return HEAVY & set(json.loads(last.removeprefix("imported ")))


def test_every_command_has_a_case_here():
    assert sorted(CASES) == sorted(commands())


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["models", "compare", "--help"]])
def test_help_imports_nothing_heavy(arguments, tmp_path):
    assert imported(arguments, tmp_path) == set()


@pytest.mark.parametrize("verb", CASES)
def test_a_command_imports_only_what_it_needs(verb, tmp_path, ring_log):
    arguments, allowed = CASES[verb]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        places = {
            "LOG": str(ring_log), "NONE": str(tmp_path / "no.h5"), "OUT": str(tmp_path / "out"),
            "PORT": str(taken.getsockname()[1]),
        }  # fmt: skip
        assert imported([places.get(word, word) for word in arguments], tmp_path) - allowed == set()
