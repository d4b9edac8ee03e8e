"""Operation metrics: kinds of failure on hand-made runs, counting rules, intervals that cover, bad years."""

from dataclasses import replace

import numpy as np
import pytest
from cases_metrics import ring
from closed_form import subsystem, toy
from hand_made import play

import twin
from twin import intervals, outcome, plant, reference
from twin.draws import draw
from twin.facility import BUILT_IN, Facility, parse
from twin.intervals import ZERO_COUNT, quantile, ratio
from twin.nominal import nominal
from twin.outcome import METRICS, Tally
from twin.scenario import ahead

NO_BEAM, LOW, DISTORTED = range(3)
HOUR = "{ law = 'fixed', mean_h = 1.0 }"
MERGE = "[metrics]\nmerge_h = 1.0\n"
RESTART_H = 0.25  # of the rings


def once(name: str, effect: str, repair_h: float) -> str:
    return subsystem(name, effect=f'"{effect}"', repair=f"{{ law = 'fixed', mean_h = {repair_h} }}")


def budget(facility: Facility, *alive_h: float) -> list[float]:
    """Budgets of lives that last so many hours each, of a mode that ages always, 100 h on the mean."""
    return [h / 100.0 for h in alive_h]


def kinds(tally: Tally) -> tuple[list[float], list[float]]:
    return tally.outages.tolist(), np.round(tally.outage_h, 9).tolist()


def test_no_beam_lasts_until_the_promised_current_is_back():
    """10 h: trip; 1 h repair, 0.25 h restart, then 200 mA at 100 mA/h: two more hours without beam."""
    facility = ring(once("trip", "dump", 1.0), fill_per_h=100.0, lifetime_h=1e6)
    run = play(facility, 20.0, {"trip.m": budget(facility, 10.0)})
    assert kinds(run.tally()) == ([1, 0, 0], [RESTART_H + 2.0 + 1.0 + RESTART_H + 2.0, 0, 0])
    assert run.tally().failures == 1


def test_a_dump_while_filling_up_is_the_same_outage_without_beam():
    facility = ring(once("trip", "dump", 1.0), fill_per_h=100.0, lifetime_h=1e6)
    run = play(facility, 30.0, {"trip.m": budget(facility, 10.0, 1.5)})
    assert kinds(run.tally())[0] == [1, 0, 0]
    assert run.tally().failures_by.tolist() == [2]


def test_low_current_begins_at_the_threshold_and_lasts_until_the_target_is_reached():
    """Without injector from hour 10 to 12 the current falls as exp(-t / 5 h), to 90 % after 0.527 h."""
    facility = ring(once("injector", "injection", 2.0), fill_per_h=100.0)
    run = play(facility, 20.0, {"injector.m": budget(facility, 10.0)})
    begun = 5.0 * np.log(1 / 0.9)
    fill = 2.0 * (1 - np.exp(-2.0 / 5.0))
    outages, hours = kinds(run.tally())
    assert outages == [0, 1, 0]
    assert hours == pytest.approx([RESTART_H + 2.0, 2.0 - begun + fill, 0.0], abs=1e-6)


def test_a_short_injector_outage_costs_hours_of_refilling_but_is_no_failure():
    facility = ring(once("injector", "injection", 0.4), fill_per_h=100.0)
    t = play(facility, 20.0, {"injector.m": budget(facility, 10.0)}).tally()
    assert kinds(t)[0] == [0, 0, 0] and t.failures == 0
    fill = 2.0 * (1 - np.exp(-0.4 / 5.0))
    assert t.user_h - t.delivered_h - t.outage_h.sum() == pytest.approx(fill, abs=1e-6)


def test_each_way_to_fail_counts_by_itself_and_an_unbroken_outage_once():
    """Distorted 5 to 8, without beam 6 to 7.5 (repair and restart), distorted again until 8."""
    facility = toy(once("orbit", "distort", 3.0) + once("trip", "dump", 1.0), restart_h=0.5)
    run = play(facility, 20.0, {"orbit.m": budget(facility, 5.0), "trip.m": budget(facility, 6.0)})
    assert kinds(run.tally()) == ([1, 0, 2], [0.5 + 1.5, 0, 1.5])
    assert run.tally().failures == 1


def test_outages_close_to_each_other_are_one_and_the_beam_between_them_is_lost():
    """Repairs of 1 h after 10 h, then 0.5 h, then 5 h of life: the first two merge under a rule of 1 h."""
    facility = toy(once("trip", "dump", 1.0) + MERGE)
    t = play(facility, 30.0, {"trip.m": budget(facility, 10.0, 0.5, 5.0)}).tally()
    assert (t.failures, t.short_h) == (2, pytest.approx(0.5))
    assert kinds(t) == ([2, 0, 0], [3.5, 0, 0])
    assert t.delivered_h == pytest.approx(27.0)
    figures = outcome.metrics(Tally(*(np.asarray(f)[None] for f in t)), plant.build(facility))
    assert figures["availability"][0] == pytest.approx(100 * (1 - 3.5 / 30))
    assert figures["mean_outage_h"][0] == pytest.approx(3.5 / 2)


def test_switching_on_is_no_failure_and_a_repair_into_user_time_is_one():
    blocks = (
        "[[schedule.block]]\nphase = 'study'\nhours = 10\n[[schedule.block]]\nphase = 'user'\nhours = 90\n"
    )
    facility = toy(once("trip", "dump", 4.0), blocks=blocks)
    t = play(facility, 100.0, {"trip.m": budget(facility, 9.0)}).tally()
    assert kinds(t) == ([1, 0, 0], [3.0, 0, 0])


def test_hours_by_kind_and_delivered_hours_make_up_the_user_time():
    modes = once("trip", "dump", 1.0) + once("orbit", "distort", 2.0) + once("injector", "injection", 3.0)
    facility = ring(modes)
    t = play(facility, 200.0, {f"{n}.m": [0.1] * 9 for n in ("trip", "orbit", "injector")}).tally()
    assert t.delivered_h + t.outage_h.sum() == pytest.approx(t.user_h, abs=1e-5)
    assert np.all(t.outages > 0)


def tally(runs: int = 3, **changes) -> Tally:
    """100 h of users a run, 5 h of them lost in two failures, one of them of no beam, 3 h."""
    zero, wide = np.zeros(runs), np.zeros((runs, 2))
    plain = dict.fromkeys(Tally._fields, wide) | {
        "user_h": zero + 100.0, "delivered_h": zero + 95.0, "level_h": zero + 92.0, "failures": zero + 2.0,
        "short_h": zero, "exhausted": zero,
        "outages": np.tile([1.0, 0.0, 1.0], (runs, 1)), "outage_h": np.tile([3.0, 0.0, 2.0], (runs, 1)),
    }  # fmt: skip
    return Tally(**(plain | changes))


def ruled(metrics: str = "", schedule: str = ""):
    """The ring's plant under other counting rules."""
    text = (BUILT_IN / "storage-ring.toml").read_text()
    text = text.replace("[metrics]\n", f"[metrics]\n{metrics}\n").replace(
        "[schedule]\n", f"[schedule]\n{schedule}\n"
    )
    return plant.build(parse(text))


@pytest.mark.parametrize(
    "rules, expected",
    [
        ("", {"availability": 95.0, "mtbf_h": 50.0, "mean_outage_h": 2.5, "mtbd_h": 50.0}),
        ('faults = "no_beam"', {"availability": 97.0, "mtbf_h": 100.0, "mean_outage_h": 3.0, "mtbd_h": 50.0}),
        ("faults_plus_one = true", {"availability": 95.0, "mtbf_h": 100.0 / 3.0, "mean_outage_h": 2.5}),
    ],
)
def test_the_facilitys_counting_rules_change_the_figures(rules, expected):
    built = ruled(rules)
    found, pooled = outcome.metrics(tally(), built), outcome.pooled(tally(), built)
    for name, value in expected.items():
        assert found[name] == pytest.approx([value] * 3)
        assert pooled[name].value == pytest.approx(value)


def test_reserve_time_counts_for_availability_after_compensation():
    """4,000 of 5,000 user hours were promised: 95 h delivered of 80 h."""
    hours = ruled().facility.schedule.user_h_per_year
    built = ruled(schedule=f"reserve_h_per_year = {0.2 * hours}")
    assert outcome.pooled(tally(), built)["availability_compensated"].value == pytest.approx(100 * 95 / 80)
    assert outcome.pooled(tally(), ruled())["availability_compensated"].value == pytest.approx(95.0)
    with pytest.raises(twin.UserError, match=r"reserve_h_per_year = .* is not below user_h_per_year"):
        ruled(schedule=f"reserve_h_per_year = {hours}")


CASES = {
    "useful_beam": 50.0,  # two beamlines of 0.1 h a sample, of one weight: 1,000 samples in 200 beamline hours
    "availability": 95.0, "availability_compensated": 95.0, "performability": 92.0,
    "mtbf_h": 50.0, "mean_outage_h": 2.5, "mtbd_h": 50.0,
    "failures": 2.0, "no_beam": 1.0, "low_current": 0.0, "distorted": 1.0,
    "no_beam_h": 3.0, "low_current_h": 0.0, "distorted_h": 2.0,
    "user_h": 100.0, "delivered_h": 95.0, "samples": 1000.0, "spoilt": 5.0, "experiments": 9.0,
}  # fmt: skip
"""Each metric of the plain tally, whose two beamlines are open always and measure a little."""


def test_every_metric_has_a_case():
    assert list(CASES) == [m.name for m in METRICS]


@pytest.mark.parametrize("name", CASES)
def test_a_metric_has_the_value_that_its_definition_gives(name):
    sample = plant.build(twin.load("storage-ring"))._replace(
        weight=np.ones(2), exchange_h=np.full(2, 0.04), exposure_h=np.full(2, 0.06)
    )
    busy = {"open_h": np.full((3, 2), 100.0), "samples": np.tile([400.0, 600.0], (3, 1))}
    busy |= {"spoilt": np.tile([2.0, 3.0], (3, 1)), "experiments": np.tile([4.0, 5.0], (3, 1))}
    assert outcome.metrics(tally(**busy), sample)[name] == pytest.approx([CASES[name]] * 3)
    assert outcome.pooled(tally(**busy), sample)[name].value == pytest.approx(CASES[name])


def test_every_metric_has_a_title_a_value_and_an_ordered_interval():
    built = ruled()
    figures = outcome.pooled(tally(), built)
    assert [m.name for m in METRICS] == list(figures)
    assert all(found.low <= found.value <= found.high for found in figures.values())
    assert figures["performability"].value == pytest.approx(92.0)


def test_without_a_failure_there_are_bounds_and_one_run_knows_what_is_possible_at_most():
    """e^-3.0 = 5 %: the rule of three; 5 % = 0.37^3: three runs in a row without a loss."""
    whole = tally(
        failures=np.zeros(3),
        delivered_h=np.full(3, 100.0),
        outages=np.zeros((3, 3)),
        outage_h=np.zeros((3, 3)),
    )
    figures = outcome.pooled(whole, ruled())
    assert figures["mtbf_h"] == (pytest.approx(300 / np.log(2)), pytest.approx(300 / ZERO_COUNT), np.inf)
    assert figures["failures"] == (0.0, 0.0, pytest.approx(ZERO_COUNT / 3))
    assert figures["availability"] == (100.0, pytest.approx(100 * 0.05 ** (1 / 3)), 100.0)
    assert np.isnan(figures["mean_outage_h"].value) and figures["mean_outage_h"][1:] == (0.0, np.inf)
    assert outcome.pooled(whole, ruled("faults_plus_one = true"))["mtbf_h"] == (
        100.0, pytest.approx(100 / (1 + ZERO_COUNT / 3)), 100.0,
    )  # fmt: skip
    alone = outcome.pooled(tally(1), ruled())
    assert alone["availability"] == (95.0, 0.0, 100.0)
    assert alone["mtbf_h"] == (50.0, 0.0, np.inf)
    each = outcome.metrics(whole, ruled())
    assert np.all(np.isinf(each["mtbf_h"])) and np.all(np.isnan(each["mean_outage_h"]))


def test_mtbf_and_mean_outage_are_ratios_of_sums_over_all_runs():
    delivered, failures = np.array([90.0, 100.0, 95.0]), np.array([2.0, 0.0, 1.0])
    pooled = outcome.pooled(tally(delivered_h=delivered, failures=failures), ruled())
    assert pooled["mtbf_h"].value == pytest.approx(100.0)
    assert pooled["mean_outage_h"].value == pytest.approx(5.0)


def seen(rng, runs: int, mean: float, sigma: float) -> Tally:
    """Runs of 100 h with Poisson failures and lognormal outages, the mean of an outage 1 h."""
    failures = rng.poisson(mean, runs).astype(float)
    lost = np.array([rng.lognormal(-(sigma**2) / 2, sigma, int(n)).sum() for n in failures])
    return tally(runs, delivered_h=100.0 - lost, level_h=100.0 - 2.0 * lost, failures=failures)


@pytest.mark.parametrize(
    "runs, mean, sigma", [(8, 6.0, 1.0), (32, 3.0, 1.0), (32, 0.3, 0.5), (100, 0.2, 0.5)]
)
def test_the_intervals_of_means_and_ratios_cover_the_truth_about_nine_times_in_ten(runs, mean, sigma):
    """1,000 trials: a true coverage of 90 % comes out within 87.2 to 92.9 % (3 standard errors)."""
    built, rng, trials = ruled(), np.random.default_rng(runs), 1_000
    truth = {
        "availability": 100.0 - mean, "performability": 100.0 - 2.0 * mean, "failures": mean,
        "mtbf_h": 100.0 / mean, "mtbd_h": 100.0 / mean, "mean_outage_h": 1.0,
    }  # fmt: skip
    hits = dict.fromkeys(truth, 0)
    for _ in range(trials):
        found = outcome.pooled(seen(rng, runs, mean, sigma), built)
        for name, value in truth.items():
            hits[name] += int(found[name].low <= value <= found[name].high)
    assert all(0.85 < n / trials < 0.95 for n in hits.values()), hits


def test_the_bound_after_nothing_was_seen_covers_at_least_nineteen_times_in_twenty():
    """The rate at which nothing is seen in 5 % of trials lies at the bound: e^-3.0 = 5 %."""
    one = np.ones(20)
    bound = ratio(0 * one, one).high
    assert np.exp(-bound * 20) == pytest.approx(0.05)
    share = ratio(0 * one, one, most=1.0).high
    assert (1 - share) ** 20 == pytest.approx(0.05)


@pytest.mark.parametrize("level", [0.05, 0.5, 0.95])
def test_the_interval_of_a_quantile_covers_it_at_least_nine_times_in_ten(level):
    """Exact binomial steps make it wider than 90 %: up to 97 % at 100 runs, and 93 to 97 % in 1,000 trials here."""
    rng, true = np.random.default_rng(3), -np.log(1 - level)
    found = [quantile(rng.exponential(size=100), level) for _ in range(1_000)]
    assert 880 <= sum(f.low <= true <= f.high for f in found) <= 980
    assert all(f.low <= f.value <= f.high for f in found)


def test_bad_years_are_quantiles_over_runs_and_too_few_runs_leave_an_end_open():
    failures = np.arange(1.0, 101.0)
    found = outcome.quantiles(tally(100, failures=failures), ruled())
    assert [q.value for q in found["failures"]] == [5.0, 50.0, 95.0]
    assert [q.value for q in found["mtbf_h"]] == pytest.approx([100 / 96, 100 / 51, 100 / 6], rel=0.02)
    few = outcome.quantiles(tally(5, delivered_h=np.arange(90.0, 95.0)), ruled())["availability"]
    assert few[0][1:] == (0.0, 91.0) and few[2][1:] == (93.0, 100.0)
    assert (
        outcome.quantiles(tally(failures=np.zeros(3), outages=np.zeros((3, 3))), ruled())["failures"][0].value
        == 0
    )


def test_published_figures_stand_beside_the_twins():
    rows = outcome.against_published(twin.load("storage-ring"), outcome.pooled(tally(), ruled()))
    assert {row["metric"]: row["twin"].value for row in rows}["availability_pct"] == pytest.approx(95.0)


def test_the_jackknife_of_a_mean_is_students_interval():
    values = np.random.default_rng(1).normal(5.0, 1.0, 12)
    without = (values.sum() - values) / 11
    found = intervals.jackknife(values.mean(keepdims=True), without[:, None], 100.0)[0]
    half = 1.7958848 * values.std(ddof=1) / np.sqrt(12)
    assert found == pytest.approx((values.mean(), values.mean() - half, values.mean() + half), rel=1e-6)


@pytest.mark.parametrize("flux", [0.5, 1.0, 1.6])
def test_useful_beam_is_100_percent_at_the_flux_of_the_reference_and_more_above_it(flux):
    """No failure, always samples, no warm-up: every user hour is spent measuring, at ``flux`` times the reference."""
    facility = toy("")  # a sample takes 6 min of exchange and 12 min of exposure
    scene = ahead(facility, 100.0)
    run = reference.start(plant.build(facility), draw(facility, 1, 4, 4, 0).run(0), scene.calendar)
    law = nominal(facility)
    run.advance(replace(law, quantity=law.quantity * flux), scene.settings[0], scene.conditions[0], 100.0)
    found = outcome.useful_beam(run.tally(), run.plant)
    assert 100.0 * found == pytest.approx(
        100.0 * (6.0 + 12.0) / (6.0 + 12.0 / flux), abs=0.5
    )  # whole samples count


def test_the_meaning_of_a_metric_is_said_where_its_title_does_not_say_it_all():
    (said,) = outcome.meanings(["useful_beam", "availability"])
    assert said.startswith("Useful beam: 100 % means") and outcome.meanings(["failures"]) == []
