"""The comparison with the field: problems are what they say, rows go on where they stopped, peers may be absent."""

import json

import numpy as np
import pytest

from benchmarks import field, field_report
from benchmarks.field_problems import PROBLEMS, useful
from benchmarks.field_tools import CASES, TOOLS, Tool
from controllers.searches.front import hypervolume
from tests import problem_transverse as transverse

pytestmark = pytest.mark.slow
every_problem = pytest.mark.parametrize("key", sorted(PROBLEMS))
QUICK = ["random", "cma (ours)"]


@every_problem
def test_no_setting_is_better_than_the_best_and_the_starts_are_inside(key):
    problem = PROBLEMS[key]
    space, starts = problem.space(2), problem.starts(2)
    assert space.inside(starts).all()
    tried = np.random.default_rng(0).uniform(space.low, space.high, (40, len(space.names)))
    look = problem.true(tried, 2)
    kept = (look.get("margins", np.zeros((40, 1))) >= 0).all(1)
    if problem.corner is None:
        assert (look["scores"][kept] <= problem.best(2) + 1e-9).all()
    else:
        assert hypervolume(look["objectives"][kept], [-edge for edge in problem.corner]) <= problem.best(2)
    if "margins" in look:
        assert (problem.true(starts, 2)["margins"] >= 0).all()
    else:
        np.testing.assert_array_equal(starts[0], space.present)


@every_problem
def test_a_look_has_the_same_luck_for_every_tool_and_another_at_another_number(key):
    problem = PROBLEMS[key]
    settings = problem.starts(1)[:1]
    once, again, other = (problem.measured(settings, 1, number)["scores"] for number in (4, 4, 5))
    np.testing.assert_array_equal(once, again)
    assert (once != other) == (problem.noise > 0)


def test_the_ring_gains_from_current_until_it_trips_and_has_an_optimum_inside():
    space = PROBLEMS["ring"].space(1)
    for_current = useful(np.array([space.present * [share, 1, 1, 1] for share in (0.85, 1.0, 1.16)]), 1)
    assert for_current[1] > for_current[0]
    assert PROBLEMS["ring"].best(1) > for_current.max()


def test_the_front_of_tnk_is_that_of_a_fine_net():
    axis = np.linspace(0.0, 1.3, 521)
    net = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    look = PROBLEMS["front"].true(net, 0)
    kept = look["objectives"][(look["margins"] >= 0).all(1)]
    floor = np.full(len(axis), np.inf)
    np.minimum.at(floor, np.round(-kept[:, 0] / axis[1]).astype(int), -kept[:, 1])
    floor = np.minimum.accumulate(floor)
    edges = np.append(axis, 2.5)
    volume = (np.diff(edges) * np.maximum(2.5 - floor, 0.0)).sum()
    assert volume == pytest.approx(PROBLEMS["front"].best(0), rel=3e-3)


def test_a_run_goes_on_where_its_file_ends_and_the_tables_name_who_is_absent(tmp_path, monkeypatch, capsys):
    path = tmp_path / "rows.jsonl"
    command = ["field", "--problems", "tnk", "front", "--tools", *QUICK, "--seeds", "2", "--out", str(path)]
    monkeypatch.setattr("sys.argv", command)
    field.main()
    rows = field.read(path)
    assert [(row["problem"], row["tool"], row["seed"]) for row in rows] == [
        (key, "random", seed) for seed in range(2) for key in ("tnk", "front")
    ]
    first = path.read_text().splitlines()[:3]
    path.write_text("\n".join(first) + "\n")
    monkeypatch.setattr("sys.argv", command)
    field.main()
    again = field.read(path)
    assert path.read_text().splitlines()[:3] == first
    timeless = [{k: v for k, v in row.items() if k not in ("seconds", "cpu_s")} for row in (*rows, *again)]
    assert timeless[:4] == timeless[4:]
    monkeypatch.setitem(TOOLS, "Xopt EI", Tool("Xopt EI", TOOLS["Xopt EI"].begin, "no-such-package"))
    capsys.readouterr()
    monkeypatch.setattr("sys.argv", [*command, "--report"])
    field.main()
    said = capsys.readouterr().out
    assert "| Xopt EI: not installed | 0 |" in said
    assert "| random | 2 |" in said


def test_regret_falls_and_what_is_beyond_a_limit_counts(monkeypatch):
    row = field.trial("tnk", TOOLS["random"], 3)
    assert row["best_look"]["25"] <= row["best_look"]["15"]
    assert 0 < row["violations"] <= row["own_looks"] == 22
    assert json.loads(json.dumps(row)) == row


def test_every_tool_of_a_case_is_known_and_intervals_are_of_the_median():
    assert {name for names in CASES.values() for name in names} <= set(TOOLS)
    assert field_report._middle([5.0, 1.0, 2.0, 4.0, 3.0]) == "3 (1 ... 5)"
    assert field_report._middle(list(range(1, 21))) == "10.5 (6 ... 15)"


@pytest.fixture
def double():
    """PyTorch in double precision."""
    torch = pytest.importorskip("torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield torch
    torch.set_default_dtype(before)


def test_the_magnets_are_those_of_ares_in_cheetah(double):
    """Layout of ARESlatticeStage3v1_9 (github.com/desy-ml/rl-vs-bo); each steerer kicks in its middle."""
    cheetah = pytest.importorskip("cheetah")

    def number(value):
        return double.tensor(float(value))

    for seed in range(5):
        hidden, gains = transverse.machine(seed, 0.05)
        space = transverse.space(seed)
        settings = np.random.default_rng(seed).uniform(space.low, space.high)
        q1, q2, q3, cv, ch = settings * gains
        offset = hidden.reshape(2, 8) * transverse.OFFSET_M
        own = hidden.reshape(2, 8)

        def drift(length):
            return cheetah.Drift(number(length))

        def quad(strength, i, offset=offset):
            shift = double.tensor(offset[:, i])
            return cheetah.Quadrupole(number(transverse.QUAD_M), k1=number(strength), misalignment=shift)

        def steerer(kind, kick):
            half = drift(transverse.STEER_M / 2)
            return half, kind(number(0.0), angle=number(kick * 1e-3)), drift(transverse.STEER_M / 2)

        d = [drift(length) for length in (0.175, 0.428, 0.204, 0.204, 0.179, 0.450)]
        up, across = steerer(cheetah.VerticalCorrector, cv), steerer(cheetah.HorizontalCorrector, ch)
        line = cheetah.Segment(
            [d[0], quad(q1, 0), d[1], quad(q2, 1), d[2], *up, d[3], quad(q3, 2), d[4], *across, d[5]]
        )
        beam = cheetah.ParameterBeam.from_parameters(
            mu_x=number(offset[0, 4]),
            mu_px=number(own[0, 5] * transverse.ANGLE_RAD),
            mu_y=number(offset[1, 4]),
            mu_py=number(own[1, 5] * transverse.ANGLE_RAD),
            sigma_x=number(transverse.SIZE_M * np.exp(0.5 * own[0, 6])),
            sigma_px=number(transverse.SPREAD_RAD * np.exp(0.5 * own[0, 7])),
            sigma_y=number(transverse.SIZE_M * np.exp(0.5 * own[1, 6])),
            sigma_py=number(transverse.SPREAD_RAD * np.exp(0.5 * own[1, 7])),
            energy=number(107.32e6),
        )
        out = line.track(beam)
        seen = [out.mu_x - offset[0, 3], out.sigma_x, out.mu_y - offset[1, 3], out.sigma_y]
        ours = np.asarray(transverse.measured(hidden, settings, gains))
        np.testing.assert_allclose(ours, [float(value) for value in seen], atol=1e-6)
