"""Replay with the same random events: the record is reproduced, random inputs are recovered, intervals are honest."""

from dataclasses import replace

import jax
import numpy as np
import pytest
import samples_surrogate
from scipy import stats

from replay_data import hidden, replay
from replay_data.record import Channel, Record
from replay_data.view import LogView
from twin import Space, UserError, reference
from twin.draws import Draws, draw, enough
from twin.nominal import nominal
from twin.plant import build
from twin.scenario import ahead
from twin.tree import BEAMLINE

SEED = 3  # of the records in conftest.py
TOY = samples_surrogate.FACILITY
TOY = TOY.model_copy(update={"beam": TOY.beam.model_copy(update={"fill_per_h": 4800.0})})

both = pytest.mark.parametrize("name", ["ring", "linac"])


@pytest.fixture
def made(name, request):
    """(facility, record) of the built-in facility ``name``."""
    return request.getfixturevalue(name), request.getfixturevalue(f"{name}_record")


def conditions(view: replay.Window) -> replay.Window:
    """The window under the true conditions of the hidden plant, drifts included."""
    edges = view.scenario.edges_h[:-1] + view.from_h
    middle = 24.0 * np.floor(edges / 24.0 + 1e-9) + 12.0
    conditions = hidden.conditions(view.facility, middle, SEED)
    return replace(view, scenario=replace(view.scenario, conditions=conditions))


def steep(facility, process: str, knob: str, power: float):
    """The nominal law with one failure mode a steep power of one knob."""
    law, power_ = nominal(facility), nominal(facility).hazard_power.copy()
    power_[facility.process_names.index(process), facility.inputs.index(knob)] = power
    return replace(law, hazard_power=power_)


def stacked(*laws):
    return jax.tree.map(lambda *a: np.stack([np.asarray(x) for x in a]), *laws)


@both
@pytest.mark.parametrize("kind", ["nominal", "hidden"])
@pytest.mark.parametrize("hours", [336.0, 1e9])
def test_every_recorded_failure_comes_back_at_its_hour(made, kind, hours):
    facility, record = made
    view = replay.window(LogView(record, facility), hours)
    law = nominal(facility)
    if kind == "hidden":
        view, law = conditions(view), hidden.plant_law(facility, SEED)
    found = replay.factual(view, law)
    assert found.failures == found.reproduced > 5
    assert not found.tally.exhausted


def test_every_recorded_failure_comes_back_under_a_learned_law(ring, ring_record, ring_model):
    found = replay.factual(
        replay.window(LogView(ring_record, ring_model.facility), 336.0), ring_model.law.mean()
    )
    assert found.failures == found.reproduced > 5


@both
def test_under_the_true_law_the_recovered_random_inputs_are_those_that_made_the_record(made):
    facility, record = made
    view = conditions(replay.window(LogView(record, facility), record.hours))
    assert view.from_h == 0.0
    inputs = replay.recover(view, hidden.plant_law(facility, SEED))
    true = draw(facility, 1, *enough(facility, record.hours), seed=SEED).run(0)
    for p in range(len(facility.process_names)):
        n = len(inputs.budget[p])
        assert inputs.budget[p] == pytest.approx(true.budget[p, :n], rel=1e-8)
        assert inputs.spent[p] <= true.budget[p, n]
        repaired = inputs.repair_z[p][: max(n - 1, 0)]  # the last one may be under way at the log's end
        assert repaired == pytest.approx(true.repair_z[p, : len(repaired)], abs=1e-6)


@both
def test_under_the_true_law_the_twin_counts_the_samples_that_were_recorded(made):
    facility, record = made
    found = replay.factual(
        conditions(replay.window(LogView(record, facility), 1e9)), hidden.plant_law(facility, SEED)
    )
    assert found.samples.tolist() == found.measured.tolist()
    assert (found.measured > 50).all()


@both
def test_outages_are_the_recorded_machine_faults_in_hours_of_the_log(made):
    facility, record = made
    view = replay.window(LogView(record, facility), 336.0)
    assert view.from_h > 0
    found = replay.factual(view, nominal(facility))
    table = record.table("faults")
    columns = (table[c] for c in ("process", "start_h", "end_h"))
    recorded = {(process, round(start, 6)): end for process, start, end in zip(*columns, strict=True)}
    begun = [row for row in found.outages if row["start_h"] > view.from_h]
    assert len(begun) > 5
    for row in begun:
        end = recorded[row["process"], round(row["start_h"], 6)]
        assert row["end_h"] is None or row["end_h"] == pytest.approx(end, abs=1e-6)
        assert facility.process_names.index(row["process"]) not in beamline_faults(facility)


def test_a_window_begun_in_the_middle_of_a_log_knows_how_old_its_units_are(linac, linac_record):
    """A thyratron ages by the calendar, H = h t**2.5 at any settings: one without faults has spent what lies
    between its ages at both ends of the window; one repaired at hour 100 is so much younger."""
    faults = linac_record.tables["faults"]
    others = ~np.char.startswith(faults["process"].astype(str), "klystrons.thyratron")
    row = {"process": "klystrons.thyratron.2", "start_h": 90.0, "repair_start_h": 90.0, "end_h": 100.0}
    columns = {c: np.append(v[others], v.dtype.type(row.get(c, v[0]))) for c, v in faults.items()}
    record = replace(linac_record, tables=linac_record.tables | {"faults": columns})
    view, law = replay.window(LogView(record, linac), 336.0), nominal(linac)
    first, second = (linac.process_names.index(f"klystrons.thyratron.{i}") for i in (1, 2))
    assert view.from_h > 100.0
    assert view.age_h[[first, second]].tolist() == [view.from_h, view.from_h - 100.0]
    h = np.asarray(law(view.scenario.settings[0], view.scenario.conditions[0]).hazard)
    spent = replay.recover(view, law).spent
    for p, born in ((first, 0.0), (second, 100.0)):
        ages = record.hours - born, view.from_h - born
        assert spent[p] == pytest.approx(h[p] * (ages[0] ** 2.5 - ages[1] ** 2.5), rel=1e-9)


def beamline_faults(facility) -> list[int]:
    return np.flatnonzero(build(facility).effect == BEAMLINE).tolist()


@both
def test_a_window_begins_at_the_last_maintenance_that_leaves_enough(made):
    facility, record = made
    view = replay.window(LogView(record, facility), 200.0)
    plan = record.table("schedule")
    begins = plan["start_h"][plan["phase"] == "maintenance"]
    assert view.from_h in begins
    assert view.from_h <= record.hours - 200.0
    assert not ((begins > view.from_h) & (begins <= record.hours - 200.0)).any()
    assert view.scenario.horizon_h == pytest.approx(record.hours - view.from_h)


def test_the_true_law_fits_its_recovered_budgets_and_a_badly_wrong_one_does_not(linac, linac_record):
    view = replay.window(LogView(linac_record, linac), 1e9)
    true = replay.factual(conditions(view), hidden.plant_law(linac, SEED))
    law = nominal(linac)
    slope = law.hazard_slope.copy()
    sections = np.arange(3)
    slope[sections, sections] = -1.84  # of the gradients: the right size, the wrong sign
    wrong = replay.factual(view, replace(law, hazard_slope=slope))
    assert len(true.fit) >= 5 and not any(fit.fails for fit in true.fit.values())
    assert min(fit.exponential for fit in wrong.fit.values()) < 1e-6
    assert wrong.reproduced == wrong.failures, "even a wrong law is made to tell the same story"


def test_a_process_with_few_failures_is_not_judged(ring, ring_record):
    found = replay.factual(replay.window(LogView(ring_record, ring), 336.0), nominal(ring))
    assert all(len(fit.budgets) >= 5 for fit in found.fit.values())


@pytest.fixture(scope="module")
def view(ring, ring_record) -> replay.Window:
    return replay.window(LogView(ring_record, ring), 336.0)


@pytest.fixture(scope="module")
def steep_laws(ring):
    """Two laws under which RF trips grow with a high power of the voltage."""
    return stacked(steep(ring, "rf.trip", "rf_voltage", 6.0), steep(ring, "rf.trip", "rf_voltage", 10.0))


def counterfactual(view, changed, laws, seed=0) -> replay.Counterfactual:
    return replay.counterfactual(view, changed, laws, 2, 8, seed)


def test_unchanged_settings_change_nothing(view, steep_laws):
    held = np.broadcast_to(view.scenario.settings[0], view.scenario.settings.shape).copy()
    still = replace(view, scenario=replace(view.scenario, settings=held))
    names = [k.name for k in view.facility.knob]
    seen = counterfactual(still, replay.altered(still, dict(zip(names, held[0], strict=True))), steep_laws)
    for name, before in seen.before.items():
        assert np.array_equal(before, seen.after[name], equal_nan=True)


def test_at_the_recorded_settings_every_run_is_the_record_itself(view, steep_laws):
    seen = counterfactual(view, view, steep_laws)
    fact = replay.factual(view, nominal(view.facility))
    for name in ("failures", "samples", "lost_h"):
        assert np.ptp(seen.before[name]) == pytest.approx(0.0, abs=1e-6)
    assert seen.before["failures"][0] == fact.tally.failures
    assert seen.before["samples"][0] == fact.samples.sum()
    assert seen.before["lost_h"][0] == pytest.approx(fact.tally.user_h - fact.tally.delivered_h, abs=1e-6)


def test_a_lower_voltage_saves_failures_where_trips_grow_steeply_with_it(view, steep_laws):
    assert view.scenario.settings[:, 1].min() > 2.9
    seen = counterfactual(view, replay.altered(view, {"rf_voltage": 2.2}), steep_laws)
    saved = seen.before["failures"] - seen.after["failures"]
    assert (saved > 0).all()
    assert saved[8:].mean() >= saved[:8].mean(), "the steeper law saves no less"
    trips = [row for row in seen.outages if row["process"] == "rf.trip"]
    assert len(trips) < (view.faults["process"] == view.facility.process_names.index("rf.trip")).sum()


def test_equal_seeds_give_equal_counterfactuals_and_others_differ_in_new_draws(view, steep_laws):
    higher = replay.altered(view, {"rf_voltage": 4.0})
    one, again, other = (counterfactual(view, higher, steep_laws, seed) for seed in (1, 1, 2))
    for name in one.after:
        assert np.array_equal(one.after[name], again.after[name], equal_nan=True)
    assert one.outages == again.outages
    assert not np.array_equal(one.after["lost_h"], other.after["lost_h"])
    assert np.array_equal(one.before["failures"], other.before["failures"])


def test_a_law_that_fails_beyond_all_draws_is_refused_in_words(view, ring):
    wild = steep(ring, "rf.trip", "coupling", 60.0)
    with pytest.raises(
        UserError, match=r"of 16 runs used more random inputs than were drawn.*choose settings nearer"
    ):
        counterfactual(view, replay.altered(view, {"coupling": 3.0}), stacked(wild, wild))


def test_altered_holds_a_knob_throughout_and_leaves_the_others(view):
    settings = replay.altered(view, {"coupling": 0.5}).scenario.settings
    assert (settings[:, 2] == 0.5).all()
    assert np.array_equal(np.delete(settings, 2, 1), np.delete(view.scenario.settings, 2, 1))
    assert not (view.scenario.settings[:, 2] == 0.5).any(), "the window itself is as it was"


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"rf_volts": 3.0}, "unknown knob 'rf_volts'; known are: current, rf_voltage"),
        ({"rf_voltage": 4.5}, r"rf_voltage = 4\.5 MV lies outside 2 \.\.\. 4 MV"),
        ({"rf_voltage": float("nan")}, "rf_voltage = nan MV lies outside"),
    ],
)
def test_impossible_changes_are_refused_in_words(view, changes, words):
    with pytest.raises(UserError, match=words):
        replay.altered(view, changes)


def test_a_tabular_log_has_no_time_to_replay(ring, ring_record):
    with pytest.raises(UserError, match="no running time to replay"):
        replay.window(LogView(replace(ring_record, tabular=True), ring))


def test_a_log_without_a_knob_cannot_be_replayed(ring, ring_record):
    channels = {n: c for n, c in ring_record.channels.items() if n != "coupling"}
    with pytest.raises(UserError, match="knob 'coupling' was not recorded"):
        replay.window(LogView(replace(ring_record, channels=channels), ring))


def test_a_fault_under_way_when_the_window_begins_has_only_its_rest_to_repair():
    faults = {
        "process": np.array(["rf.tube.2", "rf.tube.1"]),
        "start_h": np.array([99.0, 180.0]),
        "repair_start_h": np.array([99.5, 180.0]),
        "end_h": np.array([104.0, np.nan]),
        "cause": np.array(["", ""]),
        "comment": np.array(["", ""]),
    }
    plan = {
        "start_h": np.array([0.0, 100.0]), "end_h": np.array([100.0, 200.0]),
        "phase": np.array(["user", "maintenance"]), "beamlines": np.array(["mx", ""]),
    }  # fmt: skip
    channels = {
        k.name: Channel(k.name, np.zeros(1), np.array([k.value]), k.unit, "setpoint") for k in TOY.knob
    }
    record = Record("toy-ring", "2026-01-01T00:00:00Z", 200.0, channels, {"faults": faults, "schedule": plan})
    view = replay.window(LogView(record, TOY), 80.0)
    assert view.from_h == 100.0
    assert view.faults["start_h"].tolist() == [0.0, 80.0]
    assert view.faults["repair_h"].tolist() == pytest.approx([4.0, 20.0 + 2.0]), "its median beyond the end"
    found = replay.factual(view, nominal(TOY))
    assert (found.failures, found.reproduced) == (2, 2)


def simulated(law, draws: Draws, scenario) -> tuple[reference.Run, replay.Window]:
    """A run of the toy ring, and the window that a perfect archive would give of it."""
    plant = build(TOY)
    run = reference.start(plant, draws, scenario.calendar)
    for e, until_h in enumerate(scenario.edges_h[1:]):
        run.advance(law, scenario.settings[e], scenario.conditions[e], float(until_h))
    begun, rows = {}, []
    for event in run.trace:
        if event.kind == "fail":
            begun[event.subject] = event.at_h
        elif event.kind == "fixed":
            rows.append((begun.pop(event.subject), event.subject, event.at_h))
    median = np.exp(plant.repair_mu)
    rows += [(start, p, scenario.horizon_h + median[p]) for p, start in begun.items()]
    start, process, end = np.array(sorted(rows)).T
    faults = {"process": process.astype(int), "start_h": start, "repair_h": end - start}
    came = draws.arrive_h[0] <= scenario.horizon_h
    brought = np.diff(draws.demand[0])[came]
    view = replay.Window(
        TOY,
        plant,
        0.0,
        scenario,
        faults,
        [draws.arrive_h[0][came]],
        [brought],
        np.full(1, np.nan),
        age_h=np.zeros(len(plant.shape)),
    )
    return run, view


def test_the_counterfactual_interval_covers_the_true_result_of_the_same_random_events():
    """Twenty-four records of one law, each with its true counterfactual on the same draws: at a higher
    voltage a 90 % interval must hold the truth as often as chance allows (binomial, 1 %), and the truth's
    rank among the fresh runs must be uniform: no lean to either side."""
    law = steep(TOY, "rf.trip", "voltage", 3.0)
    scenario = ahead(TOY, 240.0)
    higher = Space.of(TOY).override(Space.of(TOY).present, {"voltage": 2.6})
    trials, each = 24, 32
    draws = draw(TOY, trials, 64, 32, seed=11)
    hits, ranks = 0, []
    rng = np.random.default_rng(0)
    for r in range(trials):
        run, view = simulated(law, draws.run(r), scenario)
        changed = replay.altered(view, {"voltage": 2.6})
        elsewhere = replace(scenario, settings=np.tile(higher, (len(scenario.settings), 1)))
        truth = simulated(law, draws.run(r), elsewhere)[0].tally()
        seen = replay.counterfactual(view, changed, stacked(law), 1, each, 100 + r)
        assert seen.before["failures"][0] == run.tally().failures
        lost = seen.after["lost_h"]
        true_lost = truth.user_h - truth.delivered_h
        low, high = np.quantile(lost, [0.05, 0.95])
        hits += low - 1e-6 <= true_lost <= high + 1e-6
        less, equal = (lost < true_lost - 1e-6).sum(), (np.abs(lost - true_lost) <= 1e-6).sum()
        ranks.append((less + rng.uniform() * (equal + 1)) / (each + 1))
    assert hits >= stats.binom.ppf(0.01, trials, 0.9 * (each - 1) / (each + 1))
    assert stats.kstest(ranks, "uniform").pvalue > 0.01
