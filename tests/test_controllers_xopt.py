"""Searches to and from Xopt's files and generators, with Xopt itself where it is installed."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from controllers.exchange import xopt
from controllers.exchange.gest import GeneratorSearch, SearchGenerator
from controllers.exchange.vocs import column, described, read, rows
from controllers.searches.saving import ARRAYS, run
from controllers.searches.search import SEARCHES, design, permitted
from twin import Space
from twin.errors import UserError
from twin.space import Fence

LOCK = Fence(("sum",), ("mA",), np.array([[1.0, 2.0]]), np.array([9.0]))
SPACE = Space(
    ("b_ma", "a"),
    ("mA", ""),
    np.array([0.0, -1.0]),
    np.array([10.0, 1.0]),
    np.array([2.0, 0.1]),
    np.array([3.0, 0.1]),
)
VOCS = {
    "variables": {
        "x": [0.0, 4.0],
        "y": {"type": "ContinuousVariable", "domain": [-1.0, 1.0], "default_value": 0.5},
    },
    "objectives": {"f": "MINIMIZE"},
    "constraints": {"c": ["GREATER_THAN", 1.0], "d": ["LESS_THAN", 3.0], "e": ["BOUNDS", -1.0, 2.0]},
    "constants": {"charge": 7.0},
    "observables": ["o"],
}
every_search = pytest.mark.parametrize("name", sorted(SEARCHES))


def evaluate(settings, number):
    inputs = np.random.default_rng([3, number])
    return {
        "scores": -float(np.sum((settings - [6.0, 0.3]) ** 2)) + 1e-7 * inputs.normal(),
        "noise": 0.1,
        "margins": [8.0 - settings[0], 1.0],
        "readings": inputs.normal(size=3),
        "feasible": number != 4,
    }


def state_of(name="random", count=9, space=SPACE, **others):
    return replace(run(SEARCHES[name], space, evaluate, count, seed=5), **others)


def judged(row):
    """The outputs of VOCS at a row."""
    return row | {
        "f": (row["x"] - 1.0) ** 2 + row["y"] ** 2,
        "c": row["x"] + 1.5,
        "d": row["y"],
        "e": row["y"],
        "o": 1.0,
    }


class Wanderer:
    """A generator of the contract in ten lines: a step of chance from the best row, now and then far outside."""

    def __init__(self, vocs):
        self.vocs, self.rows = vocs, []

    def ingest(self, results):
        self.rows += results

    def suggest(self, num_points):
        best = max(self.rows, key=lambda row: row["score"])
        far = 100.0 if len(self.rows) % 3 == 0 else 0.05
        return [
            {name: best[name] + far * np.random.normal() for name in self.vocs["variables"]}
            for _ in range(num_points)
        ]


@pytest.mark.parametrize("fence", [None, LOCK])
def test_a_search_comes_back_from_its_file_with_all_evaluations_and_its_space(tmp_path, fence):
    state = state_of(space=replace(SPACE, fence=fence))
    notes = xopt.to_yaml(state, "bayes", tmp_path / "search.yaml")
    back, search, lost = xopt.from_yaml(tmp_path / "search.yaml")
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(back, name), getattr(state, name), err_msg=name)
    for name in ("names", "units", "low", "high", "ramp_per_h", "present"):
        np.testing.assert_array_equal(getattr(back.space, name), getattr(state.space, name), err_msg=name)
    assert (back.seed, search, lost) == (5, "bayes", ())
    assert (fence is None) == (back.space.fence is None) == (notes == ())
    np.testing.assert_array_equal(
        back.space.inside([[5.0, 1.0], [9.0, 1.0]]), state.space.inside([[5.0, 1.0], [9.0, 1.0]])
    )


def test_objectives_come_back_beside_the_score(tmp_path):
    both = np.random.default_rng(0).normal(size=(6, 2))
    state = SEARCHES["pareto"].tell(
        SEARCHES["pareto"].start(SPACE, 1), state_of(count=6).settings, both.sum(1), objectives=both
    )
    assert xopt.to_yaml(state, "pareto", tmp_path / "front.yaml") == ()
    back, search, lost = xopt.from_yaml(tmp_path / "front.yaml")
    np.testing.assert_array_equal(back.objectives, both)
    np.testing.assert_array_equal(back.scores, both.sum(1))
    assert (search, lost) == ("pareto", ())


@every_search
def test_every_search_has_a_file_and_what_differs_in_xopt_is_said(name, tmp_path):
    notes = xopt.to_yaml(state_of(), name, tmp_path / "search.yaml")
    assert xopt.from_yaml(tmp_path / "search.yaml").search == name
    known = {"bayes", "trust", "safe", "pareto", "random"}
    assert (not notes) == (name in known)


def test_a_search_without_evaluations_is_a_file_too(tmp_path):
    empty = SEARCHES["random"].start(SPACE, 2)
    xopt.to_yaml(empty, "random", tmp_path / "empty.yaml")
    back = xopt.from_yaml(tmp_path / "empty.yaml").state
    assert back.told == 0
    np.testing.assert_array_equal(SEARCHES["random"].ask(back, 3), SEARCHES["random"].ask(empty, 3))


def foreign(**changes):
    data = {
        "x": {"1": 1.0, "0": 3.0, "2": None},
        "y": {"0": 0.5, "1": -2.0, "2": 0.1},
        "f": {"0": 2.5, "1": -1.0, "2": 0.0},
        "c": {"0": 1.5, "1": 0.5, "2": 2.0},
        "d": {"0": 2.0, "1": 5.0, "2": 2.0},
        "e": {"0": 0.0, "1": 0.0, "2": 0.0},
        "o": {"0": 9.0, "1": "nan", "2": 1.0},
        "extra": {"0": 1.0},
        "xopt_error": {"0": False, "1": False, "2": False},
    }
    return {
        "generator": {"name": "upper_confidence_bound", "beta": 2.0, "vocs": VOCS},
        "data": data,
    } | changes


def written(path, document):
    path.write_text(yaml.safe_dump(document))
    return path


def test_a_file_of_xopt_becomes_a_search_and_what_is_lost_is_counted(tmp_path):
    state, search, notes = xopt.from_yaml(written(tmp_path / "x.yaml", foreign()))
    np.testing.assert_array_equal(state.settings, [[3.0, 0.5], [1.0, -2.0]])
    np.testing.assert_array_equal(state.scores, [-2.5, 1.0])
    np.testing.assert_array_equal(state.margins, [[0.5, 1.0, 1.0, 2.0], [-0.5, -2.0, 1.0, 2.0]])
    np.testing.assert_array_equal(state.readings, [[9.0], [np.nan]])
    np.testing.assert_array_equal(state.feasible, [True, False])
    assert search == "bayes"
    text = "\n".join(notes)
    for word in (
        "'upper_confidence_bound' is read as 'bayes'",
        "2 variable(s) have no units",
        "1 variable(s) have no default value",
        "1 constant(s) (charge)",
        "1 column(s) (extra)",
        "1 row(s) without a number",
        "1 row(s) lie beyond the limits",
    ):
        assert word in text
    assert len(notes) == 7


def test_a_space_gives_what_a_file_of_xopt_lacks(tmp_path):
    space = Space(
        ("y", "x"), ("V", "mA"), np.array([-2.0, 1.0]), np.array([0.8, 3.5]), np.ones(2), np.array([0.0, 2.0])
    )
    state = xopt.from_yaml(written(tmp_path / "x.yaml", foreign()), space).state
    assert (state.space.names, state.space.units) == (("y", "x"), ("V", "mA"))
    np.testing.assert_array_equal([state.space.low, state.space.high], [[-1.0, 1.0], [0.8, 3.5]])
    np.testing.assert_array_equal(state.settings[0], [0.5, 3.0])


def test_the_older_place_of_the_vocs_is_understood(tmp_path):
    document = foreign(
        vocs=VOCS,
        generator={"name": "expected_improvement", "turbo_controller": {"name": "SafetyTurboController"}},
    )
    assert xopt.from_yaml(written(tmp_path / "x.yaml", document)).search == "safe"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"generator": None}, "no table `generator`"),
        ({"generator": {"name": "random"}}, "`variables`; none was found"),
        ({"vocs": VOCS | {"variables": {"x": [1.0, 1.0]}}}, r"domain \[1.0, 1.0\]: it must rise"),
        (
            {"vocs": VOCS | {"variables": {"x": {"type": "DiscreteVariable", "values": [1, 2]}}}},
            "between two limits",
        ),
        ({"vocs": VOCS | {"objectives": {}}}, "no objective"),
        ({"vocs": VOCS | {"objectives": {"f": "EXPLORE"}}}, "'f' is EXPLORE"),
        ({"vocs": VOCS | {"constraints": {"c": ["ABOUT", 1.0]}}}, "constraint 'c'"),
        ({"data": [1, 2]}, "no table of columns"),
        ({"data": {"x": {"first": 1.0}}}, "no whole number"),
        ({"evaluator": {"function_kwargs": {"beamtwin": {"format": 9}}}}, "version"),
        ({"evaluator": {"function_kwargs": {"beamtwin": {"format": 1, "search": "bayes"}}}}, "lacks 'knobs'"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_by_name_and_reason(change, message, tmp_path):
    document = foreign() | change
    if "vocs" in change:
        document["generator"] = {"name": "random"}
    path = written(tmp_path / "bad.yaml", document)
    with pytest.raises(UserError, match=f"{re.escape(str(path))}: .*{message}"):
        xopt.from_yaml(path)


def test_no_yaml_no_search_and_no_evaluator_are_errors_in_words(tmp_path):
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(UserError, match="no YAML"):
        xopt.from_yaml(tmp_path / "bad.yaml")
    with pytest.raises(UserError, match="unknown search 'best'"):
        xopt.to_yaml(state_of(), "best", tmp_path / "x.yaml")
    with pytest.raises(UserError, match="no evaluator for a, b"):
        xopt.unattached({"a": 1.0, "b": 2.0}, beamtwin={})
    with pytest.raises(UserError, match="'score'"):
        described(SEARCHES["random"].start(replace(SPACE, names=("score", "a")), 0))


@every_search
def test_every_search_is_a_generator_that_suggests_what_the_search_asks(name):
    generator, search = SearchGenerator(VOCS, SEARCHES[name], seed=4), SEARCHES[name]
    state = search.start(generator.problem.space, 4)
    for _ in range(2):
        (row,) = generator.suggest(1)
        asked = search.ask(state, 1)
        assert row == {"x": asked[0, 0], "y": asked[0, 1], "charge": 7.0}
        generator.ingest([judged(row)])
        state = search.tell(
            state, asked, [-judged(row)["f"]], margins=read(VOCS).evaluations([judged(row)])["margins"]
        )
    assert generator.state.told == 2
    np.testing.assert_array_equal(generator.state.scores, state.scores)
    generator.finalize()


def test_suggestions_that_are_waited_for_are_not_given_again():
    generator = SearchGenerator(VOCS, SEARCHES["random"], seed=1)
    first, second, third = generator.suggest(1), generator.suggest(2), generator.suggest()
    given = first + second + third
    assert len({row["x"] for row in given}) == 4
    generator.ingest([judged(row) for row in second])
    assert len(generator.waiting) == 2
    wanted = [[row["x"], row["y"]] for row in given]
    np.testing.assert_array_equal(design(SearchGenerator(VOCS, seed=1).state, 4), wanted)


def test_a_vocs_object_is_understood_like_its_dict():
    problem = read(SimpleNamespace(model_dump=lambda: VOCS))
    assert problem.space.names == ("x", "y")
    np.testing.assert_array_equal(problem.space.present, [2.0, 0.5])


def test_rows_that_lack_a_variable_are_refused_and_what_failed_is_no_score():
    generator = SearchGenerator(VOCS)
    with pytest.raises(UserError, match="lack a number for y"):
        generator.ingest([{"x": 1.0}])
    generator.ingest(
        [{"x": 1.0, "y": 0.0, "xopt_error": True}, judged({"x": 1.0, "y": 0.0, "xopt_error": np.nan})]
    )
    np.testing.assert_array_equal(generator.state.feasible, [False, True])


def test_a_generator_runs_as_a_search_within_limits_and_is_a_value():
    search = GeneratorSearch(Wanderer)
    state = run(search, SPACE, evaluate, 16, seed=2, allowed=(lambda asked: asked[:, 0] < 7.0))
    assert state.told == 16
    assert SPACE.inside(state.settings).all()
    assert permitted(state, state.settings).all()
    before, chance = state.settings.copy(), np.random.get_state()[1].copy()
    np.testing.assert_array_equal(search.ask(state, 2), search.ask(state, 2))
    np.testing.assert_array_equal(state.settings, before)
    np.testing.assert_array_equal(np.random.get_state()[1], chance)
    again = run(search, SPACE, evaluate, 16, seed=2, allowed=(lambda asked: asked[:, 0] < 7.0))
    np.testing.assert_array_equal(again.settings, state.settings)
    assert state.settings[4:, 0].std() > 0.0


def test_suggestions_beyond_the_limits_are_replaced_by_the_design_and_counted():
    state = run(GeneratorSearch(Wanderer), SPACE, evaluate, 16, seed=2)
    planned = design(GeneratorSearch(Wanderer).start(SPACE, 2), 16)
    far = [row for row in range(4, 16) if row % 3 == 0]
    np.testing.assert_array_equal(state.settings[far], planned[far])
    assert GeneratorSearch(Wanderer).replaced(state) == len(far) == 4


def test_a_run_with_a_generator_that_was_stopped_and_continued_equals_one_that_was_not(tmp_path):
    search, path = GeneratorSearch(Wanderer, begin=1), tmp_path / "state"
    at_once = run(search, SPACE, evaluate, 9, seed=3)
    run(search, SPACE, evaluate, 5, path, seed=3)
    np.testing.assert_array_equal(run(search, SPACE, evaluate, 9, path, seed=3).settings, at_once.settings)


def test_a_generator_with_a_memory_of_its_own_or_too_few_suggestions_is_refused():
    class Remembering(Wanderer):
        name = "simplex"
        set_data = None

    class Short(Wanderer):
        def suggest(self, num_points):
            return []

    for kind, message in (
        (Remembering, "'simplex' keeps a state of its own"),
        (Short, "gave 0 suggestions in place of 1"),
    ):
        with pytest.raises(UserError, match=message):
            GeneratorSearch(kind).ask(state_of(), 1)


def test_our_searches_drive_a_search_through_the_contract_and_back():
    inner = SEARCHES["bayes"]
    wrapped = GeneratorSearch(lambda words: SearchGenerator(words, inner, seed=5))
    state = state_of(count=8)
    alone = inner.tell(
        inner.start(SPACE, 5),
        state.settings,
        state.scores,
        margins=np.column_stack([state.margins, column(rows(state), "feasible") - 0.5]),
    )
    np.testing.assert_allclose(wrapped.ask(state, 1), inner.ask(alone, 1), rtol=1e-9)


vocs_of_xopt = {
    "variables": {"x": [0.0, 4.0], "y": [-1.0, 1.0]},
    "objectives": {"f": "MINIMIZE"},
    "constraints": {"c": ["GREATER_THAN", 2.0], "d": ["LESS_THAN", 0.9]},
    "constants": {"charge": 7.0},
}


@pytest.fixture
def theirs():
    """Xopt itself; its warnings are its own."""
    return pytest.importorskip("xopt")


def loaded(theirs, path):
    with path.open() as file:
        return theirs.Xopt.from_yaml(file)


xopt_warns = pytest.mark.filterwarnings("ignore")


@xopt_warns
@every_search
def test_xopt_loads_the_file_of_every_search_and_suggests(theirs, name, tmp_path):
    xopt.to_yaml(state_of(), name, tmp_path / "search.yaml")
    problem = loaded(theirs, tmp_path / "search.yaml")
    assert len(problem.data) == 9
    np.testing.assert_array_equal(problem.data["a"], state_of().settings[:, 1])
    if name in ("random", "safe"):
        (row,) = problem.generator.suggest(1)
        assert SPACE.inside([row["b_ma"], row["a"]])


@xopt_warns
def test_xopt_goes_on_and_its_own_dump_comes_back_with_units_ramps_and_rounded_numbers(theirs, tmp_path):
    state = state_of(space=replace(SPACE, fence=LOCK))
    xopt.to_yaml(state, "random", tmp_path / "ours.yaml")
    problem = loaded(theirs, tmp_path / "ours.yaml")
    with pytest.raises(theirs.errors.XoptError, match="names no evaluator"):
        problem.step()
    problem.evaluator.function = lambda inputs, **others: {
        "score": -1.0,
        "margin_1": 1.0,
        "margin_2": -1.0,
        "feasible": 1,
    }
    problem.step()
    problem.dump(tmp_path / "theirs.yaml")
    back, search, lost = xopt.from_yaml(tmp_path / "theirs.yaml")
    assert (back.told, back.seed, search, lost) == (10, 5, "random", ())
    assert (back.space.names, back.space.units) == (SPACE.names, SPACE.units)
    for name in ("low", "high", "ramp_per_h", "present"):
        np.testing.assert_array_equal(getattr(back.space, name), getattr(SPACE, name), err_msg=name)
    np.testing.assert_array_equal(back.space.fence.most, LOCK.most)
    np.testing.assert_allclose(back.settings[:9], state.settings, atol=1e-9)
    np.testing.assert_allclose(back.readings[:9], state.readings, atol=1e-9)
    assert not back.feasible[9]
    assert back.time_h[9] == state.time_h[8] + 1.0


@xopt_warns
def test_a_front_of_ours_is_one_of_xopt(theirs, tmp_path):
    both = np.random.default_rng(0).normal(size=(6, 2))
    start = SEARCHES["pareto"].start(SPACE, 1)
    state = SEARCHES["pareto"].tell(start, state_of(count=6).settings, both.sum(1), objectives=both)
    xopt.to_yaml(state, "pareto", tmp_path / "front.yaml")
    problem = loaded(theirs, tmp_path / "front.yaml")
    assert problem.generator.name == "mobo"
    assert problem.generator.get_pareto_front_and_hypervolume()[3] > 0.0


@xopt_warns
@pytest.mark.parametrize("name", ["bayes", "random"])
def test_our_searches_run_in_xopt(theirs, name):
    vocs = theirs.VOCS(**{name: dict(part) for name, part in vocs_of_xopt.items()})
    generator = SearchGenerator(vocs, SEARCHES[name], seed=3)
    evaluator = theirs.Evaluator(
        function=lambda row: {"f": row["x"] + row["charge"], "c": row["x"] + 1.0, "d": row["y"]}
    )
    problem = theirs.Xopt(generator=generator, evaluator=evaluator)
    for _ in range(6):
        problem.step()
    inner = problem.generator.state
    assert inner.told == len(problem.data) == 6
    np.testing.assert_array_equal(inner.settings, problem.data[["x", "y"]])
    np.testing.assert_array_equal(inner.scores, -problem.data["f"])
    np.testing.assert_allclose(inner.margins[:, 0], problem.data["c"] - 2.0)


@xopt_warns
def test_generators_of_xopt_run_on_our_side(theirs):
    search = GeneratorSearch(xopt.generator("random"))
    once, again = (run(search, SPACE, evaluate, 9, seed=2) for _ in range(2))
    assert search.replaced(once) == 0
    np.testing.assert_array_equal(once.settings, again.settings)
    (asked,) = GeneratorSearch(xopt.generator("expected_improvement", turbo_controller="safety")).ask(once, 1)
    assert SPACE.inside(asked)


@xopt_warns
def test_a_generator_that_xopt_does_not_know_or_that_remembers_is_refused(theirs):
    with pytest.raises(UserError, match="unknown generator of Xopt 'best'"):
        xopt.generator("best")
    with pytest.raises(UserError, match="keeps a state of its own"):
        GeneratorSearch(xopt.generator("neldermead")).ask(
            state_of(margins=np.empty((9, 0)), feasible=np.ones(9, bool)), 1
        )


def test_without_xopt_its_generators_are_refused_with_the_mend(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "xopt.generators", None)
    with pytest.raises(UserError, match=r"pip install 'xopt>=3.2'"):
        xopt.generator("random")


DOCS = Path(__file__).parents[1] / "docs/xopt.md"
BLOCKS = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.S)


def test_the_example_of_the_docs_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(BLOCKS[0], {})


@xopt_warns
def test_the_example_of_the_docs_with_xopt_runs(theirs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = {}
    exec(BLOCKS[0], found)
    exec(BLOCKS[1], found)
    assert found["state"].told == 8
