"""The interface to a log: all readers get the same cleaned samples, and each channel is read once."""

from collections import Counter
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
import pytest
import samples_dashboard
import samples_surrogate

from controllers.outcomes import realised
from controllers.outcomes.adoption import adoption
from controllers.recommend.case import case, into_the_round
from dashboard.app.sources.files import machine
from replay_data import LogView, replay
from replay_data.downtime import find_downtime
from replay_data.record import INVALID, NO_ALARM, Channel, Record
from surrogate.exposure import history
from twin import UserError
from twin.beam_states import OFF, STORED

TOY = samples_surrogate.FACILITY
KNOBS = [knob.name for knob in TOY.knob]
CURRENT = TOY.beam.current_knob
LINE = TOY.beamline[0].name
HOURS, START = 60.0, "2026-01-01T00:00:00+00:00"
FAULTS = ("process", "start_h", "repair_start_h", "end_h")


def channel(name, hours, values, unit="", role="state", invalid=()):
    severity = np.isin(np.arange(len(hours)), [i % len(hours) for i in invalid])
    severity = np.where(severity, INVALID, NO_ALARM).astype(np.int8)
    return Channel(name, np.array(hours, float), np.array(values, float), unit, role, severity=severity)


def faults(*rows):
    columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * len(FAULTS)
    return {
        name: np.array(column, str if name == "process" else float)
        for name, column in zip(FAULTS, columns, strict=True)
    }


def schedule(*rows):
    start, end, phase = (list(column) for column in zip(*rows, strict=True))
    lines = np.array([LINE if p == "user" else "" for p in phase], str)
    return {
        "start_h": np.array(start, float),
        "end_h": np.array(end, float),
        "phase": np.array(phase, str),
        "beamlines": lines,
    }


def record(*channels, **tables) -> Record:
    """Sixty hours of the toy ring at its own settings; ``channels`` come to them or in their place."""
    own = [Channel(k.name, np.zeros(1), np.array([k.value]), k.unit, "setpoint") for k in TOY.knob]
    return Record(TOY.name, START, HOURS, {c.name: c for c in (*own, *channels)}, tables)


def spoilt(name, role, unit, value, wrong):
    """A channel that is set to a value, and whose last sample is marked invalid."""
    return channel(name, [0.0, 20.0, 50.0], [value - 10.0, value, wrong], unit, role, invalid=[-1])


def model_until(hours: float):
    """What stands for a model of the toy ring whose log ended so early."""
    card = {"logs": [{"start": START, "hours": hours}], "usable": True}
    return SimpleNamespace(facility=TOY, law=None, entry=SimpleNamespace(card=card, id="toy"))


@pytest.fixture
def invalid_last():
    knob = next(k for k in TOY.knob if k.name == CURRENT)
    middle = (knob.low + knob.high) / 2
    wrong = middle + 0.01 * (knob.high - knob.low)
    return middle, record(spoilt(CURRENT, "setpoint", knob.unit, middle, wrong))


# a last sample that its source marked invalid


def test_a_recommendation_starts_from_the_last_valid_value(invalid_last):
    held, log = invalid_last
    this = case(model_until(HOURS), LogView(log, TOY), 672.0)
    assert this.space.present[KNOBS.index(CURRENT)] == held
    assert next(k.value for k in this.facility.knob if k.name == CURRENT) == held


def test_a_replay_holds_the_last_valid_value(invalid_last):
    held, log = invalid_last
    scenario = replay.window(LogView(log, TOY), 1e9).scenario
    assert scenario.settings[-1, KNOBS.index(CURRENT)] == held
    assert 50.0 not in scenario.edges_h


def test_training_and_the_page_see_the_last_valid_value(invalid_last):
    held, log = invalid_last
    assert history(LogView(log, TOY)).channels[CURRENT].value[-1] == held
    assert LogView(log, TOY).frame[CURRENT].values[-1] == held
    assert next(row["value"] for row in machine(log, TOY)["rows"] if row["name"] == CURRENT) == held


def test_an_adoption_is_judged_by_valid_values(invalid_last):
    held, log = invalid_last
    sample = samples_dashboard.plain()
    own = next(k for k in TOY.knob if k.name == CURRENT)
    knob = sample["knobs"][0] | {
        "name": CURRENT, "unit": own.unit, "low": own.low, "high": own.high, "precision": 6,
        "present": own.low, "proposed": held,
    }  # fmt: skip
    made = samples_dashboard.recommendation(knobs=[knob], evidence=sample["evidence"] | {"horizon_h": 672.0})
    found = adoption(made, LogView(log, TOY), 10.0)
    assert (found.from_h, found.to_h, found.off, found.left) == (20.0, HOURS, 0.0, False)


def test_a_knob_of_which_nothing_can_be_trusted_was_never_recorded():
    log = record(channel(CURRENT, [0.0, 9.0], [300.0, 310.0], TOY.knob[0].unit, "setpoint", invalid=[0, 1]))
    view = LogView(log, TOY)
    assert view.held(CURRENT) is None and view.cleaned(CURRENT) is None
    with pytest.raises(UserError, match=f"knob '{CURRENT}' was not recorded; its present value is unknown"):
        _ = view.present
    with pytest.raises(UserError, match=f"knob '{CURRENT}' was not recorded; a replay needs every knob"):
        replay.window(view)


# other channels


def test_a_beam_state_that_is_invalid_is_not_believed_anywhere():
    state = channel("beam_state", [0.0, 30.0, 40.0], [STORED, OFF, 7.0], invalid=[1, 2])
    log = record(state)
    view = LogView(log, TOY)
    assert view.beam.value.tolist() == [STORED] and view.stored_h(0.0, HOURS) == HOURS
    assert view.frame["steady"].values[1:].all()
    assert machine(log, TOY)["beam_state"] == STORED
    assert history(view).channels["beam_state"].value.tolist() == [STORED]


def test_beam_is_stored_throughout_where_its_state_was_not_recorded_and_the_page_says_unknown():
    log = record()
    view = LogView(log, TOY)
    assert view.stored_h(3.0, 10.0) == 7.0 and view.beam.at(np.array([0.0, 59.0])).tolist() == [STORED] * 2
    assert view.held("beam_state") is None and machine(log, TOY)["beam_state"] is None


def test_hours_of_stored_beam_leave_out_those_without_and_those_before_the_first_record():
    view = LogView(record(channel("beam_state", [10.0, 20.0, 25.0], [STORED, OFF, STORED])), TOY)
    assert view.stored_h(0.0, HOURS) == 45.0
    assert view.stored_h(15.0, 22.0) == 5.0 and view.stored_h(22.0, 15.0) == 0.0


def test_samples_that_a_counter_did_not_count_are_not_counted():
    counter = channel(f"samples_{LINE}", [0.0, 30.0, 59.0], [0.0, 500.0, 9e9], "1", "counter", invalid=[-1])
    log = LogView(record(counter), TOY)
    window = replay.window(log, 1e9)
    assert window.measured[0] == 500.0
    assert realised.counted(window, log, np.array([10.0, HOURS]))[:, 0].tolist() == [0.0, 500.0]


def test_a_counter_without_a_valid_sample_has_counted_nothing_that_is_known():
    counter = channel(f"samples_{LINE}", [0.0, 30.0], [0.0, 5.0], "1", "counter", invalid=[0, 1])
    assert np.isnan(replay.window(LogView(record(counter), TOY), 1e9).measured[0])


def test_the_tail_of_a_channel_begins_with_the_last_sample_before():
    view = LogView(
        record(channel("x", [0.0, 10.0, 20.0, 30.0], [1, 2, 3, 4], role="quantity", invalid=[2])), TOY
    )
    for from_h, expected in (
        (15.0, [10.0, 30.0]),
        (10.0, [10.0, 30.0]),
        (-1.0, [0.0, 10.0, 30.0]),
        (99.0, [30.0]),
    ):
        found = view.tail("x", from_h)
        assert found is not None and found.time_h.tolist() == expected
    assert view.tail("nothing", 0.0) is None


def test_the_tail_is_the_same_in_blocks(monkeypatch):
    hours = np.linspace(0.0, 59.0, 2000)
    view = LogView(record(channel("x", hours, np.sin(hours), role="quantity")), TOY)
    whole = [view.tail("x", from_h) for from_h in (-1.0, 17.3, 44.0, 100.0)]
    for module in ("record", "clean"):
        monkeypatch.setattr(f"replay_data.{module}.{'BLOCK' if module == 'record' else 'TAIL'}", 60)
    for found, from_h in zip(whole, (-1.0, 17.3, 44.0, 100.0), strict=True):
        part = view.tail("x", from_h)
        assert found is not None and part is not None
        np.testing.assert_array_equal(found.time_h, part.time_h)
        np.testing.assert_array_equal(found.value, part.value)


# tables


def test_blocks_out_of_order_without_end_and_upside_down_make_one_schedule():
    plan = schedule(
        (40.0, np.nan, "user"), (0.0, 20.0, "user"), (30.0, 40.0, "study"), (20.0, np.nan, "maintenance"),
        (np.nan, 50.0, "study"), (35.0, 32.0, "maintenance"),
    )  # fmt: skip
    view = LogView(record(schedule=plan), TOY)
    blocks = zip(*(view.schedule[key].tolist() for key in ("start_h", "end_h", "phase")), strict=True)
    assert list(blocks) == [
        (0.0, 20.0, "user"), (20.0, 30.0, "maintenance"), (30.0, 40.0, "study"), (40.0, HOURS, "user"),
    ]  # fmt: skip


def test_of_blocks_that_overlap_the_later_holds_and_the_earlier_goes_on_after_it():
    plan = schedule((0.0, 50.0, "user"), (20.0, 28.0, "maintenance"), (45.0, 60.0, "study"))
    view = LogView(record(schedule=plan), TOY)
    blocks = zip(*(view.schedule[key].tolist() for key in ("start_h", "end_h", "phase")), strict=True)
    assert list(blocks) == [
        (0.0, 20.0, "user"), (20.0, 28.0, "maintenance"), (28.0, 45.0, "user"), (45.0, 60.0, "study"),
    ]  # fmt: skip


def test_the_order_in_which_blocks_were_written_changes_no_replay_no_downtime_and_no_round():
    rows = [(0.0, 20.0, "user"), (20.0, 28.0, "maintenance"), (28.0, 60.0, "user")]
    beam = channel("stored_current", np.arange(0, 60, 0.1), np.where(np.arange(600) % 200 < 150, 300.0, 0.0),
                   "mA", "quantity")  # fmt: skip
    logs = [record(beam, schedule=schedule(*order)) for order in (rows, rows[::-1])]
    views = [LogView(log, TOY) for log in logs]
    one, other = (replay.window(view, 1e9).scenario.calendar for view in views)
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    one, other = (find_downtime(log, TOY) for log in logs)
    assert (one.user_h, one.availability) == (other.user_h, other.availability) and one.user_h == 52.0
    assert into_the_round(views[0]) == into_the_round(views[1])


def test_hours_that_no_block_holds_have_beam_and_no_users():
    plan = schedule((10.0, 20.0, "user"), (30.0, 40.0, "maintenance"))
    calendar = replay.window(LogView(record(schedule=plan), TOY), 1e9).scenario.calendar
    assert calendar.end_h.tolist() == [10.0, 20.0, 30.0, 40.0, np.inf]
    assert calendar.user.tolist() == [False, True, False, False, False]
    assert calendar.beam.tolist() == [True, True, True, False, True]
    assert calendar.open[:, 0].tolist() == [False, True, False, False, False]


def test_experiments_that_make_no_sense_wait_at_no_beamline():
    table = {
        "beamline": np.array([LINE, "moon", LINE, LINE, LINE]),
        "arrive_h": np.array([30.0, 1.0, 5.0, 99.0, 7.0]),
        "samples": np.array([50.0, 7.0, np.nan, 7.0, 20.0]),
    }
    window = replay.window(LogView(record(experiments=table), TOY), 1e9)
    assert window.arrive_h[0].tolist() == [0.0, 7.0, 30.0] and window.samples[0].tolist() == [0.0, 20.0, 50.0]


def test_faults_that_make_no_sense_are_in_no_view():
    name = TOY.process_names[0]
    view = LogView(
        record(faults=faults((name, 20.0, 20.5, 22.0), (name, 25.0, 25.0, 20.5), ("x", 1.0, 1.0, 2.0))), TOY
    )
    assert view.faults["start_h"].tolist() == [20.0]
    assert replay.window(view, 1e9).faults["start_h"].tolist() == [20.0]
    assert history(view).faults["start_h"].tolist() == [20.0]


# read once, and kept


@dataclass(frozen=True)
class Counted(Record):
    """A log that counts how often each of its channels and tables is read."""

    reads: Counter = field(default_factory=Counter)

    def blocks(self, name):
        self.reads[name] += 1
        return super().blocks(name)

    def table(self, name):
        self.reads[name] += 1
        return super().table(name)


def counted_log() -> Counted:
    hours = np.arange(0, 60, 0.5)
    sampled = [
        channel(i.name, hours, i.value * (1 + 0.01 * np.sin(hours)), i.unit, role)
        for items, role in ((TOY.condition, "condition"), (TOY.quantity, "quantity"))
        for i in items
    ]
    counter = channel(f"samples_{LINE}", hours, 10 * hours, "1", "counter")
    state = channel("beam_state", [0.0], [STORED])
    made = record(*sampled, counter, state, faults=faults(), schedule=schedule((0.0, 60.0, "user")))
    return Counted(made.facility, made.start, made.hours, made.channels, made.tables)


def test_a_recommendation_and_its_replay_read_each_channel_and_build_the_frame_once(monkeypatch):
    import replay_data.view as door

    built, make = [], door.frame
    monkeypatch.setattr(door, "frame", lambda *args: built.append(args) or make(*args))
    log = counted_log()
    view = LogView(log, TOY)
    case(model_until(24.0), view, 672.0)  # the errors after hour 24 are looked at, too
    replay.window(view, 48.0)
    replay.beside(view, lambda x, c: np.zeros((3, len(x), len(TOY.quantity))))
    assert len(built) == 1
    assert set(log.reads) >= set(log.names) | {"faults", "schedule", "experiments"}
    assert set(log.reads.values()) == {1}


def test_training_reads_each_channel_once():
    log = counted_log()
    view = LogView(log, TOY)
    history(view)
    assert view.frame is view.frame
    assert {name: log.reads[name] for name in TOY.inputs} == dict.fromkeys(TOY.inputs, 1)
    assert max(log.reads.values()) == 1


def test_a_frame_keeps_its_spacing_and_what_is_kept_cannot_be_changed():
    view = LogView(counted_log(), TOY)
    assert view.frame_of(0.5) is view.frame_of(0.5) and view.frame_of(0.5).sizes["time"] == 120
    assert view.frame_of(None).sizes["time"] == 120 and view.frame.sizes["time"] == 60
    for array in (
        view.frame[KNOBS[0]].values,
        view.beam.value,
        view.schedule["end_h"],
        view.faults["start_h"],
    ):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0.0


def test_a_frame_keeps_no_samples_of_what_it_averages():
    log = counted_log()
    view = LogView(log, TOY)
    assert len(view.frame["time"])
    view.tail(TOY.quantity[0].name, 0.0)
    assert log.reads[TOY.quantity[0].name] == 2  # read again: the frame keeps only the means


def test_a_tabular_log_has_its_rows_whatever_the_spacing():
    log = replace(
        record(channel(CURRENT, [0.0, 1.0, 2.0], [300.0, 310.0, 320.0], "mA", "setpoint")), tabular=True
    )
    view = LogView(log, TOY)
    assert view.frame is view.frame_of(0.1) and view.frame.sizes["time"] == 3
    assert view.present[KNOBS.index(CURRENT)] == 320.0
