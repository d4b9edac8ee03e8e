"""The analyses as any caller uses them: requests that refuse wrong numbers, answers as JSON, no face anywhere."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dashboard.app.analyses import (
    advise,
    downtime,
    evaluate,
    forecast,
    import_log,
    monitor,
    policies,
    recommend,
    replay,
    resample,
    simulate,
    synthesize,
    train,
    whatif,
)
from dashboard.app.store.files import finite
from twin.errors import UserError
from twin.types import silent

ROOT = Path(__file__).parent.parent
RING = "storage-ring"


@pytest.mark.parametrize(
    "request_of, words",
    [
        (lambda: simulate.Request(RING, years=0.0), "years = 0 is not above 0"),
        (lambda: simulate.Request(RING, runs=0), "runs = 0 is below 1"),
        (lambda: simulate.Request(RING, seed=-1), "seed = -1 is not between 0 and 4294967295"),
        (lambda: forecast.Request(RING, years=float("inf")), "years = inf is not above 0"),
        (lambda: replay.Request(RING, "log.h5", days=-1.0), "days = -1 is not above 0"),
        (
            lambda: replay.Request(RING, "log.h5", settings={"current": 1.0}, policy="x.py:y"),
            "settings and policy are given together; give one of them",
        ),
        (lambda: evaluate.Request(RING, "log.h5"), "a candidate is needed"),
        (lambda: evaluate.Request(RING, "log.h5", shift={"current": 1.0}, width=1.0), "width = 1 is not between"),
        (lambda: recommend.Request(RING, "log.h5", risk=0.0), "risk = 0 is not between 0 and 1"),
        (lambda: recommend.Request(RING, "log.h5", horizon_h=0.0), "horizon_h = 0 is not above 0"),
        (lambda: advise.Request(RING, "log.h5", days=0.0), "days = 0 is not above 0"),
        (lambda: train.Request(RING, ()), "name both"),
        (lambda: monitor.Request("log.h5", rate=2.0), "rate = 2 is not between 0 and 1"),
        (lambda: policies.TrainRequest(RING, updates=0), "updates = 0 is below 1"),
        (lambda: policies.ScoreRequest(RING, runs=0), "runs = 0 is below 1"),
        (lambda: synthesize.Request(RING, "log.h5", "2026-01-01", days=0.0), "days = 0 is not above 0"),
        (lambda: resample.Request("log.h5", "out.csv", every_h=0.0), "every_h = 0 is not above 0"),
        (lambda: import_log.Request("data.csv", "log.h5", begin="2026-01-01"), "needs both --from TIME and --to"),
    ],
)  # fmt: skip
def test_a_request_refuses_what_no_command_line_has_checked(request_of, words):
    with pytest.raises(UserError, match=words):
        request_of()


def test_an_unknown_engine_is_refused_with_the_known_ones():
    with pytest.raises(
        UserError, match="engine = 'fast' is not known; give one of: auto, reference, batched"
    ):
        simulate.run(simulate.Request(RING, engine="fast"), silent)


def test_requests_and_answers_go_through_another_process_and_answers_are_json(ring_log, tmp_path):
    scenario = tmp_path / "cases.toml"
    scenario.write_text(
        'facility = "storage-ring"\ndays = 2\nruns = 16\n[[case]]\nname = "less"\nset = { coupling = 0.8 }\n'
    )
    for analysis, request in (
        (simulate, simulate.Request(RING, years=0.01, runs=8, engine="reference")),
        (whatif, whatif.Request(str(scenario))),
        (downtime, downtime.Request(RING, str(ring_log))),
    ):
        answer = analysis.run(pickle.loads(pickle.dumps(request)), silent)
        again = pickle.loads(pickle.dumps(answer))
        told = [
            json.dumps(finite(analysis.as_json(a)), default=lambda v: v.tolist()) for a in (answer, again)
        ]
        assert told[0] == told[1] and len(told[0]) > 100


def test_progress_of_many_runs_rises_to_the_end():
    seen = []
    request = simulate.Request(RING, years=0.01, runs=20, engine="reference")
    answer = simulate.run(request, lambda text, part: seen.append(part))
    assert seen == sorted(seen) and seen[0] == 0.0 and seen[-1] == 1.0 and len(seen) >= 4
    assert answer.runs == 20 and {len(values) for values in answer.per_run.values()} == {20}


def test_runs_in_parts_are_the_runs_of_one_call():
    few = simulate.run(simulate.Request(RING, years=0.01, runs=5, engine="reference"), silent)
    more = simulate.run(simulate.Request(RING, years=0.01, runs=11, engine="reference"), silent)
    for name, values in few.per_run.items():
        assert np.array_equal(values, more.per_run[name][:5], equal_nan=True), name


def test_an_analysis_needs_no_face():
    code = (
        "import sys, importlib, pkgutil, dashboard.app.analyses as a\n"
        "[importlib.import_module(f'{a.__name__}.{m.name}') for m in pkgutil.iter_modules(a.__path__)]\n"
        "faces = 'dash', 'plotly', 'flask', 'dashboard.cli', 'dashboard.web', 'dashboard.figures'\n"
        "print([n for n in sys.modules if n in faces])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
