"""The recommendation: complete, within every limit, the same from one seed, held or refused where due."""

import json
from dataclasses import replace
from datetime import timedelta
from statistics import NormalDist

import equinox as eqx
import jax
import numpy as np
import pytest

from controllers.evaluation import PolicyEvaluator
from controllers.policy import Policy
from controllers.recommend import recommend, timing
from controllers.recommend.candidates import settable
from controllers.recommend.case import Effort, case
from controllers.recommend.runs import evaluators
from controllers.recommendation import SCHEMA, Estimate, Recommendation, digest, from_json
from replay_data.record import Record
from replay_data.runlog import RunLog, open_log
from replay_data.view import LogView
from twin import UserError

SMALL = Effort(horizon_h=336.0, evaluations=14, random=2, tops=3, finalists=2, choosing=1, batches=1)

FILLED = ("knobs", "effects", "limits", "ramp", "candidates", "lost_hours", "skill")


@pytest.fixture(scope="module")
def log(ring_log):
    with open_log(ring_log) as opened:
        yield opened


@pytest.fixture(scope="module")
def model(ring_model):
    """The model as if it had passed its test on later time, whatever so short a training gave."""
    card = ring_model.entry.card | {"usable": True, "reason": ""}
    return replace(ring_model, entry=replace(ring_model.entry, card=card))


@pytest.fixture(scope="module")
def reports() -> list[tuple[str, float]]:
    return []


@pytest.fixture(scope="module")
def read() -> list[str]:
    """The channels of which samples were read for the recommendation, once a time."""
    return []


@pytest.fixture(scope="module")
def made(model, log, reports, read) -> Recommendation:
    raw = RunLog.blocks
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunLog, "channel", None)
        patch.setattr(RunLog, "blocks", lambda own, name: read.append(name) or raw(own, name))
        return recommend(model, log, 0, SMALL, lambda text, part: reports.append((text, part)))


@pytest.fixture(scope="module")
def flat(model):
    """The same model with a law on which no setting has any effect."""

    def without_slopes(law):
        share = np.zeros_like(law.quantities.share)
        mean, root = np.array(law.hazards.rates.mean), np.array(law.hazards.rates.root)
        mean[:, 1:], root[:, 1:] = 0.0, 0.0
        where = lambda part: (part.quantities.share, part.hazards.rates.mean, part.hazards.rates.root)  # noqa: E731
        return eqx.tree_at(where, law, (share, mean, root))

    return replace(model, law=without_slopes(model.law))


def numbers(row: Estimate) -> bool:
    return all(np.isfinite([row.mean, row.low, row.high])) and row.low <= row.mean <= row.high


def test_every_field_of_the_contract_is_there_and_plain_json(made):
    plain = made.stored()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert from_json(plain, "here") == made and digest(made) == digest(plain)
    assert plain["schema"] == SCHEMA and made.verdict == "change"
    assert all(getattr(made, name) for name in FILLED)
    assert all(numbers(row.gain) for row in made.candidates)
    assert all(numbers(row.gain_alone) for row in made.knobs)
    assert all(isinstance(line, str) and line for line in [made.headline, *made.why])


def test_it_rests_on_named_evidence_and_expires(made, model, log):
    evidence = made.evidence
    assert (evidence.log_sha256, evidence.log) == (log.sha256, str(log.path))
    assert (evidence.model_id, evidence.model_sha256) == (model.entry.id, model.entry.sha256)
    assert (evidence.seed, evidence.runs, evidence.horizon_h) == (0, 128, 336.0)
    assert evidence.log_end - evidence.log_start == timedelta(hours=log.hours)
    assert evidence.log_hours == log.hours
    assert made.expires_at - made.made_at == timedelta(hours=24)


def test_it_reads_and_cleans_each_channel_once_whatever_it_is_needed_for(made, read, model):
    used = [*model.facility.inputs, *(q.name for q in model.facility.quantity), "beam_state"]
    assert sorted(read) == sorted([*used, *(f"samples_{line.name}" for line in model.facility.beamline)])
    assert made.replay is not None


def test_the_present_settings_are_the_last_ones_recorded(made, log):
    for row in made.knobs:
        assert row.present == log.channel(row.name).value[-1]


def test_the_proposal_keeps_limits_support_and_promised_quantities(made, model, log):
    this = case(model, LogView(log, model.facility), SMALL.horizon_h)
    proposed = np.array([row.proposed for row in made.knobs])
    assert (proposed >= this.space.low).all() and (proposed <= this.space.high).all()
    assert this.envelope.allowed(proposed[None])[0]
    distance = float(model.law.support(proposed, this.conditions))
    assert made.support.distance == pytest.approx(distance) and made.support.inside
    assert made.support.limit == this.envelope.limit
    assert distance <= this.envelope.limit
    lifetime, rf_power = made.limits
    assert rf_power.predicted.mean == pytest.approx(0.002 * proposed[0] + 0.25 * proposed[1])
    assert rf_power.predicted.low is rf_power.predicted.high is None  # exact
    assert rf_power.predicted.mean <= rf_power.high
    _, low, _ = model.law.predict(proposed, this.conditions)
    assert lifetime.predicted.low == pytest.approx(float(low[0]))
    assert lifetime.predicted.low >= lifetime.low == 8.0


def test_settings_far_from_the_log_or_below_a_promise_are_not_allowed(model, log):
    this = case(model, LogView(log, model.facility), SMALL.horizon_h)
    assert this.envelope.allowed(this.space.present[None])[0]
    assert not this.envelope.allowed(np.array([[350.0, 2.0, 3.0, 10.0]]))[0]
    promising = [
        q.model_copy(update={"low": 1e3}) if q.name == "lifetime" else q for q in this.facility.quantity
    ]
    greedy = replace(this.envelope, facility=this.facility.model_copy(update={"quantity": promising}))
    assert not greedy.allowed(this.space.present[None])[0]


def test_the_ramp_leads_from_the_present_to_the_proposed_settings_at_the_allowed_rate(made):
    rows, knobs = made.ramp, made.knobs
    hours = np.array([row.at_h for row in rows]) - made.when.begin.at_h
    for knob in knobs:
        way = np.array([row.settings[knob.name] for row in rows])
        assert way[0] == knob.present and way[-1] == pytest.approx(knob.proposed)
        assert (np.abs(np.diff(way)) <= knob.ramp_per_h * np.diff(hours) * (1 + 1e-9) + 1e-9).all()
    assert hours[-1] == pytest.approx(max(knob.ramp_h for knob in knobs))


def test_a_change_is_surely_better_and_one_of_the_candidates(made):
    proposed = {row.name: row.proposed for row in made.knobs}
    held = {row.name: row.present for row in made.knobs}
    best = max(made.candidates, key=lambda row: row.gain.low)
    assert best.rank == 1
    assert all(v in (best.settings[name], held[name]) for name, v in proposed.items())
    (moment,) = [row for row in made.moments if row.name == made.when.begin.name]
    (beam,) = [row for row in made.effects if row.metric == "useful_beam"]
    assert beam.change == moment.gain == made.gain
    for row in made.effects:
        assert row.change.mean == pytest.approx(row.proposed - row.present, abs=1e-9)
    assert beam.change.low > 0 and f"{beam.change.mean:+.2f} % useful beam" in made.headline


def test_the_shares_of_the_knobs_add_up_to_what_all_of_them_bring(made):
    moved = [row for row in made.knobs if row.proposed != row.present]
    assert moved and all((row.gain_share is not None) == (row in moved) for row in made.knobs)
    whole = made.shared_gain.mean
    assert sum(row.gain_share.mean for row in moved) == pytest.approx(whole, abs=1e-9)


def test_every_knob_that_moves_surely_brings_a_share_or_says_what_needs_it(made):
    moved = [row for row in made.knobs if row.proposed != row.present]
    assert moved and all(row.gain_share.low > 0 or row.needed_for for row in moved)
    assert all(row.needed_for is None for row in made.knobs if row not in moved)


def test_each_step_of_the_ramp_says_what_state_to_expect(made, model, log):
    envelope = case(model, LogView(log, model.facility), SMALL.horizon_h).envelope
    for step in made.ramp:
        settings = np.array(list(step.settings.values()))
        _, low, high = model.law.predict(settings, envelope.conditions)
        assert step.expected["lifetime"].low == pytest.approx(float(low[0]))
        assert step.expected["lifetime"].high == pytest.approx(float(high[0]))
        assert step.failures_per_week > 0 and step.support in ("inside", "edge", "outside")


def test_the_moment_to_begin_is_the_one_that_brings_most_for_sure(made):
    rows = {row.name: row for row in made.moments}
    assert list(rows) == ["now", "refill", "access"]
    assert rows["now"].at_h == 0.0 < rows["refill"].at_h <= 10.0 / 60.0 < rows["access"].at_h
    assert rows["access"].disturbed_h <= rows["now"].disturbed_h
    far = NormalDist().inv_cdf(0.9) / 3.29  # from the width of 90 % to the quantile of 10 %
    sure = {name: row.gain.mean - far * (row.gain.high - row.gain.low) for name, row in rows.items()}
    # A later moment must bring more than this, so of moments that are equal up to rounding any may be chosen.
    assert sure[made.when.begin.name] >= max(sure.values()) - 10.0**-timing.DIGITS - 1e-9
    assert made.ramp[0].at_h == made.when.begin.at_h


def test_lost_hours_are_listed_for_every_process_the_worst_first(made, ring):
    rows = made.lost_hours
    assert sorted(row.process for row in rows) == sorted(ring.process_names)
    assert [row.present for row in rows] == sorted((row.present for row in rows), reverse=True)


def test_the_numbers_were_confirmed_on_the_reference_engine(made):
    assert made.confirmed.runs == 4  # two of the present settings, two of the proposal, each of another law
    assert made.confirmed.largest_difference <= 1e-6


def test_the_last_weeks_are_replayed_with_every_failure_at_its_hour(made):
    seen = made.replay
    assert seen.reproduced.failures == seen.reproduced.at_their_hour > 5
    assert seen.timeline.to_h - seen.timeline.from_h >= SMALL.horizon_h
    assert {row.metric for row in seen.metrics} == {"failures", "lost_h", "useful_beam"}
    assert all(numbers(row.counterfactual) and np.isfinite(row.record) for row in seen.metrics)
    assert seen.timeline.record and seen.timeline.counterfactual
    assert seen.summary.endswith("h.")


def test_progress_is_reported_and_each_stage_ends(made, reports):
    last = dict(reports)
    assert len(last) >= 4 and set(last.values()) == {1.0}


def test_one_seed_gives_one_recommendation(made, model, log):
    again = recommend(model, log, 0, SMALL)
    moments = {"made_at", "expires_at"}
    assert again.model_dump(exclude=moments) == made.model_dump(exclude=moments)


def test_a_model_that_does_not_beat_its_baselines_is_refused(model, log):
    reason = "flux_mx is predicted better by persistence"
    entry = replace(model.entry, card=model.entry.card | {"usable": False, "reason": reason})
    made = recommend(replace(model, entry=entry), log, 0, SMALL)
    assert from_json(json.loads(json.dumps(made.stored(), allow_nan=False)), "here") == made
    assert made.verdict == "refuse"
    assert made.why[0] == "Flux_mx is predicted better by persistence."
    assert all(row.proposed == row.present for row in made.knobs)
    assert made.effects == made.candidates == made.ramp == () and made.replay is None


def test_where_settings_have_no_effect_the_present_ones_are_held(flat, log):
    made = recommend(flat, log, 0, replace(SMALL, evaluations=8))
    assert made.verdict == "hold"
    assert all(row.proposed == row.present for row in made.knobs)
    assert all(row.change.mean == row.change.low == row.change.high == 0.0 for row in made.effects)
    assert made.replay is None and made.parameters_share is None
    assert all(abs(row.gain.mean) < 0.1 for row in made.candidates)
    assert made.headline.startswith("Hold:")
    assert from_json(json.loads(json.dumps(made.stored(), allow_nan=False)), "here") == made


def test_with_nothing_but_the_present_settings_tried_they_are_held(model, log):
    made = recommend(model, log, 0, replace(SMALL, evaluations=0, random=0, tops=0))
    assert made.verdict == "hold" and made.candidates == ()
    assert made.why == (
        "The search found no other settings inside the envelope: limits, interlocks, promised quantities and the "
        "support of the logs.",
    )


def test_what_is_proposed_is_what_an_operator_reads_and_can_set(made, model, log):
    """To the digits of each knob, so what is read is inside the envelope, not only something near it."""
    envelope = case(model, LogView(log, model.facility), SMALL.horizon_h).envelope
    shown = [float(f"{row.proposed:.{row.precision}f}") for row in made.knobs]
    assert all(
        s == row.proposed or row.proposed == row.present for s, row in zip(shown, made.knobs, strict=True)
    )
    for row in made.candidates:
        assert envelope.allowed(np.array(list(row.settings.values()))[None])[0]


def test_settings_whose_digits_lie_outside_come_back_towards_the_present_ones(model, log):
    this = case(model, LogView(log, model.facility), SMALL.horizon_h)
    rng = np.random.default_rng(0)
    pool = this.space.from_unit(rng.random((400, 4)))
    scale = 10.0 ** np.array([knob.precision for knob in this.facility.knob])
    seen = {"nearest": 0, "other": 0}
    for wanted in pool[this.envelope.allowed(pool)]:
        found = settable(this, wanted)
        moved = found != this.space.present
        assert this.envelope.allowed(found[None])[0]
        np.testing.assert_allclose((np.round(found * scale) / scale)[moved], found[moved], atol=1e-12)
        seen["nearest" if (np.abs(found - wanted)[moved] <= 0.5001 / scale[moved]).all() else "other"] += 1
    assert seen["nearest"] > 10 * seen["other"] > 0 or seen["other"] == 0


def test_a_ramp_that_spoils_more_than_it_brings_is_seen_in_the_search(model, log):
    """A ramp of days in users' time counts against a candidate, unless a later moment is better."""
    this = case(model, LogView(log, model.facility), SMALL.horizon_h)
    wanted = Policy("far", this.space.clip(this.space.present + 0.2 * (this.space.high - this.space.low)))
    score, present = np.full(8, 60.0), np.full(8, 50.0)
    quick = timing.net(this, wanted, score, present)
    slow = replace(
        this,
        envelope=replace(this.envelope, space=replace(this.space, ramp_per_h=this.space.ramp_per_h / 500)),
    )
    late = timing.net(slow, wanted, score, present)
    assert (late < quick).all() and (quick <= score).all()
    access = 1.0 - this.access_h / this.scenario.horizon_h
    assert (late <= 50.0 + 10.0 * access + 1e-9).all()


def test_search_selection_and_hold_out_runs_share_no_run(model, log):
    """No run of one evaluator is a run of another: neither its random inputs nor its plant."""
    parts = evaluators(
        case(model, LogView(log, model.facility), SMALL.horizon_h), replace(SMALL, choosing=2, batches=2), 0
    )
    assert [len(evaluator.draws) for evaluator in parts] == [1, 2, 2]
    batches = [batch for evaluator in parts for batch in zip(evaluator.draws, evaluator.laws, strict=True)]
    for i, (draws, laws) in enumerate(batches):
        for others, other_laws in batches[:i]:
            first = np.isin(draws.budget[:, 0, 0], others.budget[:, 0, 0])
            assert not first.any()
            pairs = zip(jax.tree.leaves(laws), jax.tree.leaves(other_laws), strict=True)
            assert not all(np.array_equal(a, b) for a, b in pairs)


def test_a_gain_that_only_the_runs_it_was_chosen_in_show_is_held_back(model, log, monkeypatch):
    score = PolicyEvaluator.score

    def unlucky(evaluator, tally):
        """Useful beam, the same for every policy in the hold-out runs."""
        own = score(evaluator, tally)
        return own if len(evaluator.draws) < 3 else np.full_like(own, 50.0)

    monkeypatch.setattr(PolicyEvaluator, "score", unlucky)
    made = recommend(model, log, 0, replace(SMALL, batches=3))
    assert made.verdict == "hold" and made.held_back.mean <= 0.0  # less what the ramp disturbs
    assert made.candidates and "in the hold-out runs, which had no part in its selection" in made.why[0]


@pytest.mark.parametrize("wrong", [{"risk": 0.0}, {"risk": 1.5}, {"horizon_h": -1.0}, {"horizon_h": np.nan}])
def test_a_risk_or_a_horizon_that_is_none_is_refused_in_words(wrong):
    with pytest.raises(UserError, match=r"is not (between 0 and 1|above 0)"):
        Effort(**wrong)


def without(log, *names: str, **values) -> Record:
    """The log in memory without some channels, others ending on a given value."""
    channels = {n: log.channel(n) for n in log.names if n not in names}
    for name, value in values.items():
        last = channels[name].value.copy()
        last[-1] = value
        channels[name] = replace(channels[name], value=last)
    return Record(log.facility, log.start, log.hours, channels, {})


def test_a_knob_that_was_never_recorded_has_no_present_value(model, log):
    with pytest.raises(UserError, match="knob 'coupling' was not recorded; its present value is unknown"):
        case(model, LogView(without(log, "coupling"), model.facility), SMALL.horizon_h)


def test_a_machine_beyond_its_limits_gets_an_error_that_names_the_limit(model, log):
    with pytest.raises(UserError, match=r"rf_voltage = 4\.6 MV lies outside 2 \.\.\. 4 MV"):
        case(model, LogView(without(log, rf_voltage=4.6), model.facility), SMALL.horizon_h)
