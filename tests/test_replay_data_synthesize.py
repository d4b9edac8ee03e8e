"""Synthetic logs: seeded, clean enough to use, within the limits of the machine, from a hidden plant."""

from datetime import UTC, datetime, timedelta

import jax
import numpy as np
import pytest
import samples_surrogate
from random_plants import FEATURES, random_case

from replay_data import hidden
from replay_data.check import check
from replay_data.hidden_drawn import HiddenDrawn
from replay_data.record import instant
from replay_data.synthesize import START, current_at, operate, start_of, synthesize
from twin import Facility, Space, UserError, reference
from twin.draws import draw, enough
from twin.facility import parse
from twin.nominal import at, nominal
from twin.plant import build
from twin.scenario import ahead

SEED = 3  # of the records in conftest.py
GONE = ("fail", "lost", "arrive")  # events at which the current jumps, or that say nothing of it

BARE = """
name = "bare-linac"
title = "Bare linac"
kind = "linac"
[beam]
restart_h = 0.1
[[knob]]
name = "gradient"
title = "Gradient"
pv = "G"
unit = "MV/m"
low = 10.0
high = 30.0
value = 20.0
ramp_per_h = 10.0
[[knob]]
name = "corrector"
title = "Corrector"
pv = "C"
unit = "T"
low = -5e-6
high = 5e-6
value = 0.0
ramp_per_h = 1e-5
[[quantity]]
name = "flux"
title = "Flux"
pv = "F"
unit = "ph/s"
value = 1e12
law = "power"
[[beamline]]
name = "bl"
title = "Beamline"
flux = "flux"
exchange_min = 1.0
exposure_min = 9.0
visit = [{ start_h = 10.0, samples = 100 }]
[schedule]
user_h_per_year = 8736
block = [{ phase = "user", hours = 168.0 }]
"""
"""Nothing that fails, no conditions, no stated effect of any knob, and a knob of small numbers."""

both = pytest.mark.parametrize("name", ["ring", "linac"])


@pytest.fixture
def made(name, request):
    """(facility, record) of the built-in facility ``name``."""
    return request.getfixturevalue(name), request.getfixturevalue(f"{name}_record")


def same(mine, theirs) -> bool:
    """Whether two tables or channels of columns are equal, value for value."""
    equal_nan = {"equal_nan": mine.dtype.kind == "f"}
    return mine.dtype == theirs.dtype and np.array_equal(mine, theirs, **equal_nan)


def test_one_seed_gives_equal_logs_and_another_seed_another(linac):
    one, again, other = (synthesize(linac, 5, seed) for seed in (8, 8, 9))
    assert one.names == again.names and one.hours == again.hours == 120.0
    for name in one.names:
        mine, theirs = one.channel(name), again.channel(name)
        assert same(mine.time_h, theirs.time_h) and same(mine.value, theirs.value)
    for table, columns in one.tables.items():
        assert all(same(columns[c], again.tables[table][c]) for c in columns)
    assert not same(one.tables["faults"]["start_h"], other.tables["faults"]["start_h"])


@both
def test_the_log_has_defects_as_archives_do_but_none_that_stops_the_work(made):
    facility, record = made
    report = check(record, facility)
    assert not report.fatal
    found = {defect.what for defect in report.defects}
    assert found >= {"spike", "stuck sensor", "stamp twice", "value not finite", "gaps"}
    assert 0.9 < report.kept / report.read < 1.0


@both
def test_every_channel_and_table_that_a_reader_expects_is_there(made):
    facility, record = made
    wanted = {*facility.inputs, *(q.name for q in facility.quantity), "beam_state"}
    assert wanted <= set(record.names)
    assert set(record.tables) == {"faults", "schedule", "experiments", "actions"}
    assert set(record.table("faults")["process"]) <= set(facility.process_names)
    assert record.table("schedule")["end_h"][-1] == record.hours


@both
def test_settings_stay_within_limits_and_ramp_rates_and_move_daily(made):
    facility, record = made
    for knob in facility.knob:
        channel = record.channel(knob.name)
        assert (channel.value >= knob.low).all() and (channel.value <= knob.high).all()
        steps, hours = np.abs(np.diff(channel.value)), np.diff(channel.time_h)
        assert (steps <= knob.ramp_per_h * hours + 1e-4).all()
        assert len(channel.value) > record.hours / 24.0 / 2
        assert (channel.time_h % 24.0 == 0.0).all()


@both
def test_the_actions_list_every_move_of_every_knob(made):
    facility, record = made
    actions = record.table("actions")
    for knob in facility.knob:
        channel, ours = record.channel(knob.name), actions["knob"] == knob.name
        assert np.array_equal(actions["time_h"][ours], channel.time_h[1:])
        assert np.array_equal(actions["before"][ours], channel.value[:-1])
        assert np.array_equal(actions["after"][ours], channel.value[1:])


def test_the_promised_energy_of_the_linac_is_kept_all_the_time(linac, linac_record):
    days = np.arange(0.0, linac_record.hours, 24.0)
    gradients = [linac_record.channel(f"gradient_{i}").at(days) for i in (1, 2, 3)]
    energy = 36.0 * np.sum(gradients, axis=0)
    promised = linac.quantity[linac.quantity_index("energy")].low
    assert promised is not None and (energy >= promised).all()


def test_operators_would_walk_below_the_promise_if_none_were_made(linac):
    free = [q.model_copy(update={"low": None}) for q in linac.quantity]
    walks = [
        operate(facility, 200, np.random.default_rng(1))
        for facility in (linac, linac.model_copy(update={"quantity": free}))
    ]
    kept, loose = (36.0 * walk[:, :3].sum(-1).min() for walk in walks)
    assert loose < 795.0 <= kept


class Watched(reference.Run):
    """A run that notes its stored current at each event."""

    def note(self, kind: str, subject: int, life: int = -1) -> None:
        super().note(kind, subject, life)
        if kind not in GONE:
            stored = self.beam.mode == reference.STORED
            self.seen = [*getattr(self, "seen", []), (self.env.now, self.beam.now_ma() if stored else 0.0)]


def test_the_rebuilt_current_is_the_one_of_the_run_at_every_event(ring):
    scenario = ahead(ring, 400.0)
    draws = draw(ring, 1, *enough(ring, 400.0), seed=SEED).run(0)
    run = Watched(build(ring), draws, scenario.calendar)
    law = hidden.plant_law(ring, SEED)
    conditions = hidden.conditions(ring, scenario.edges_h[:-1] + 12.0, SEED)
    for e, until_h in enumerate(scenario.edges_h[1:]):
        run.advance(
            law, scenario.settings[e] - np.array([5.0 * (e % 3), 0.0, 0.0, 0.0]), conditions[e], until_h
        )
    hours, current = np.array(run.seen).T
    assert len(hours) > 50 and np.unique(np.round(current)).size > 5
    assert current_at(run, hours) == pytest.approx(current, rel=1e-9, abs=1e-9)


@both
def test_the_counters_of_samples_rise_and_are_read_at_the_very_end(made):
    facility, record = made
    for line in facility.beamline:
        counter = record.channel(f"samples_{line.name}")
        assert counter.time_h[-1] == record.hours
        assert (np.diff(counter.time_h) > 0).all() and (np.diff(counter.value) >= -1.0).all()  # spoilt: -1
        assert counter.value[-1] > 50


def test_the_recorded_current_is_zero_exactly_while_no_beam_is_stored(ring_record):
    current, state = ring_record.channel("stored_current"), ring_record.channel("beam_state")
    stored = state.at(current.time_h) == reference.STORED
    assert (current.value[~stored] == 0.0).all()
    assert (current.value[stored] > 0.0).mean() > 0.99  # zero only at the very start of a fill
    assert current.value.max() <= 500.0


@both
def test_the_hidden_plant_is_no_nominal_law(made):
    """It differs in size at the reference and in shape away from it."""
    facility, _ = made
    space = Space.of(facility)
    conditions = np.array([c.value for c in facility.condition])
    quiet = np.concatenate([conditions, np.zeros(hidden.DRIFTS)])
    low = space.from_unit(np.full(len(space.names), 0.25))
    real, stated = hidden.plant_law(facility, SEED), nominal(facility)
    here, there = (at(real, s, quiet) for s in (space.present, low))
    here_, there_ = (at(stated, s, conditions) for s in (space.present, low))
    assert np.abs(np.log(np.asarray(here.hazard) / here_.hazard)).mean() > 0.05
    shape = np.log(np.asarray(there.quantity) / here.quantity)
    shape_ = np.log(np.asarray(there_.quantity) / here_.quantity)
    assert np.abs(shape - shape_).max() > 0.03
    moved = np.asarray(there.hazard) / here.hazard / (np.asarray(there_.hazard) / here_.hazard)
    assert np.abs(np.log(moved)).max() > 0.2


@both
def test_another_seed_is_another_machine_of_the_same_design(made):
    facility, _ = made
    one, other = (jax.tree.leaves(hidden.plant_law(facility, seed)) for seed in (SEED, SEED + 1))
    assert [np.shape(a) for a in one] == [np.shape(b) for b in other]
    assert all((np.asarray(a) != np.asarray(b)).any() for a, b in zip(one, other, strict=True))


def test_drifts_go_on_where_the_log_ended(ring):
    whole = hidden.conditions(ring, np.arange(0.0, 4800.0, 6.0), SEED)
    later = hidden.conditions(ring, np.arange(2400.0, 4800.0, 6.0), SEED)
    assert np.array_equal(whole[400:], later)
    assert whole.shape == (800, len(ring.condition) + hidden.DRIFTS)


def test_cavities_of_the_hidden_linac_trip_as_often_as_intended_at_the_reference(linac):
    law = hidden.plant_law(linac, SEED)
    point = at(law, Space.of(linac).present, np.array([27.0, 0.0, 0.0]))
    assert sorted(np.asarray(point.hazard)[:3].tolist()) == pytest.approx([0.10, 0.20, 0.34], rel=1e-6)


def own(name: str) -> Facility:
    """A facility that is not built in: a toy ring, a bare linac, a plant with every feature that both engines have."""
    if name == "toy ring":
        return samples_surrogate.FACILITY
    if name == "bare linac":
        return parse(BARE)
    return random_case(frozenset(FEATURES), 4).plant.facility


owned = pytest.mark.parametrize("name", ["toy ring", "bare linac", "random"])


@owned
def test_any_facility_has_a_log_that_can_be_learned_from(name):
    facility = own(name)
    record = synthesize(facility, 12, 1)
    report = check(record, facility)
    assert not report.fatal and not [d for d in report.defects if d.severity == "error"]
    assert {*facility.inputs, *(q.name for q in facility.quantity), "beam_state"} <= set(record.names)
    assert set(record.table("faults")["process"]) <= set(facility.process_names)
    for knob in facility.knob:
        value = record.channel(knob.name).value
        assert knob.low <= value.min() and value.max() <= knob.high
        assert np.ptp(value) > 0 and len(np.unique(value)) > 5


def test_knobs_of_every_size_move_in_the_digits_that_matter():
    record = synthesize(parse(BARE), 12, 1)
    for name, width in (("gradient", 20.0), ("corrector", 1e-5)):
        assert np.ptp(record.channel(name).value) > 0.02 * width


@owned
def test_a_drawn_plant_lies_around_the_numbers_of_its_file(name):
    """Over seeds, mean lives and quantities at the reference have the file's as their middle, and differ from them."""
    facility = own(name)
    space, stated = Space.of(facility), nominal(facility)
    quiet = np.array([*(c.value for c in facility.condition), *[0.0] * hidden.DRIFTS])
    points = [at(hidden.plant_law(facility, seed), space.present, quiet) for seed in range(60)]
    said = at(stated, space.present, quiet[: len(facility.condition)])
    known = np.asarray(said.hazard) > 0
    often = np.log(np.array([np.asarray(p.hazard)[known] for p in points]) / np.asarray(said.hazard)[known])
    assert (np.abs(often.mean(axis=0)) < 4.0 * often.std(axis=0) / np.sqrt(60.0)).all()
    assert (often.std(axis=0) > 0.15).all()
    level = np.log(np.array([np.asarray(p.quantity) for p in points]) / np.asarray(said.quantity))
    assert (np.abs(level) < 0.25).all() and (level.std(axis=0) > 0.0).all()


def test_a_drawn_plant_responds_to_every_knob_smoothly_and_otherwise_than_its_file_says():
    facility = own("toy ring")
    space, quiet = Space.of(facility), np.array([*(c.value for c in facility.condition), 0.0, 0.0])
    law, stated = hidden.plant_law(facility, 1), nominal(facility)
    for k, name in enumerate(space.names):
        rows = np.tile(space.present, (41, 1))
        rows[:, k] = np.linspace(space.low[k], space.high[k], 41)
        ours, said = (
            np.array([np.asarray(at(one, s, quiet[:size]).quantity) for s in rows])
            for one, size in ((law, len(quiet)), (stated, len(facility.condition)))
        )
        ours, said = np.log(ours / ours[20]), np.log(said / said[20])
        assert (np.ptp(ours - said, axis=0) > 0.01).all(), name
        assert (np.abs(np.diff(ours, axis=0)) < 0.2).all()


def test_a_promised_bound_holds_at_the_reference_of_every_drawn_plant():
    facility = parse(BARE.replace('law = "power"', 'law = "power"\nlow = 0.99e12\nhigh = 1.02e12'))
    present = Space.of(facility).present
    for seed in range(20):
        flux = float(at(hidden.plant_law(facility, seed), present, np.zeros(hidden.DRIFTS)).quantity[0])
        assert 0.995e12 <= flux <= 1.01e12


def test_a_facility_that_took_a_built_in_name_but_not_its_parts_has_a_drawn_plant(ring):
    fewer = ring.model_copy(update={"subsystem": ring.subsystem[:-1]})
    assert isinstance(hidden.plant_law(fewer, 1), HiddenDrawn)
    assert not isinstance(hidden.plant_law(ring, 1), HiddenDrawn)


def test_one_seed_gives_one_drawn_plant_and_another_seed_another():
    facility = own("toy ring")
    one, again, other = (jax.tree.leaves(hidden.plant_law(facility, seed)) for seed in (5, 5, 6))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_same_seed_at_another_start_gives_the_same_record_but_for_the_start(linac):
    one, other = (synthesize(linac, 3, 8, start) for start in (START, "2031-07-05T11:00:00+00:00"))
    assert other.start == "2031-07-05T11:00:00+00:00" and one.start == START
    assert all(same(one.channel(n).value, other.channel(n).value) for n in one.names)
    assert all(same(one.channel(n).time_h, other.channel(n).time_h) for n in one.names)


@pytest.mark.parametrize("days", [120.0, 0.1, 33.77])
def test_a_log_that_ends_now_begins_at_a_whole_hour_and_ends_within_the_last(days):
    start = instant(start_of(days))
    assert (start.minute, start.second, start.microsecond) == (0, 0, 0)
    age = datetime.now(UTC) - (start + timedelta(days=days))
    assert timedelta(0) <= age < timedelta(hours=1, minutes=1)


def test_the_end_of_a_log_may_be_stated_in_any_zone():
    assert start_of(2, "2026-03-05T10:20:00+02:00") == "2026-03-03T08:00:00+00:00"
    with pytest.raises(UserError, match="end = 'soon' is not ISO 8601"):
        start_of(2, "soon")
    with pytest.raises(UserError, match="would begin before the year 1; ask for fewer days"):
        start_of(1e7)


@both
def test_a_log_of_a_few_hours_is_possible(made):
    facility, _ = made
    for days in (0.1, 0.75):
        record = synthesize(facility, days, 1)
        assert record.hours == 24.0 * days
        assert {*facility.inputs, *(q.name for q in facility.quantity)} <= set(record.names)
