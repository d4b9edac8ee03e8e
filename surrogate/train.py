"""From logs to a law in service: learn, measure on later time, learn again from all, write the card."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jax.numpy import asarray

from replay_data.record import Log, instant
from replay_data.runlog import frame
from surrogate import conformal, edge, ensemble, fitting, hazards, repairs
from surrogate.baselines import skill
from surrogate.card import Report, describe
from surrogate.conformal import Band
from surrogate.exposure import history
from surrogate.fitting import STANDARD, Recipe
from surrogate.hazards import Hazards
from surrogate.learned import LearnedLaw
from surrogate.loglinear import LogLinear
from surrogate.samples import Samples, boundary_h, gather, input_floor
from surrogate.support import support
from twin import Facility, UserError

TEST_SHARE = 0.30
STOP_SHARE, CALIBRATION_SHARE = 0.10, 0.20  # of the training rows: to stop early, to calibrate intervals
FEWEST_TAIL = 20

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Trained:
    """A law, its card and the facility with calibrated repair times."""

    law: LearnedLaw
    card: dict
    facility: Facility


def train(
    facility: Facility,
    logs: Sequence[Log],
    seed: int = 0,
    progress: Progress | None = None,
    recipe: Recipe = STANDARD,
) -> Trained:
    """Learn a law from one or more logs of a facility.

    Skill is measured on the last 30 % of the rows in time, never on a random split; then the law in service
    is fitted again to all rows. Equal logs and seeds give equal laws.
    """
    say = progress or (lambda text, fraction: None)
    _check(facility, logs)
    say("Reading the logs", 0.0)
    logs = sorted(logs, key=lambda log: instant(log.start))
    offsets = np.concatenate([[0.0], np.cumsum([log.hours for log in logs])])[:-1].tolist()
    samples = gather(facility, [(o, frame(log, facility)) for o, log in zip(offsets, logs, strict=True)])
    past = [history(facility, log, o) for o, log in zip(offsets, logs, strict=True)]
    split_h = boundary_h(samples, TEST_SHARE)

    report = _measure(facility, samples, split_h, seed, recipe, say)
    say("Learning from all rows", 0.6)
    floor = input_floor(facility)
    scale = ensemble.scaling(samples.x, samples.y, floor, _defaults(facility))
    found = fitting.fit(samples.x, samples.y, scale, seed, recipe, rounds=report.rounds, room=len(samples))
    say("Learning how often what fails", 0.8)
    room, rounds = len(samples), report.rounds
    reach = edge.reach(
        samples,
        lambda part: fitting.fit(part.x, part.y, scale, seed, recipe, rounds=rounds, room=room).ensemble,
    )
    learned, hazard_rows = hazards.learn(facility, past, scale.x_mean, scale.x_scale, split_h, seed)
    calibrated, repair_rows = repairs.calibrate(facility, past)
    law = _law(facility, found.ensemble, report.band, learned, reach, samples, floor, seed)
    say("Writing the card", 0.95)
    card = describe(facility, logs, samples, split_h, report, hazard_rows, repair_rows, seed, past)
    card["reach"] = dict(zip([q.name for q in facility.quantity], reach.tolist(), strict=True))
    say("Done", 1.0)
    return Trained(law, card, calibrated)


def _check(facility: Facility, logs: Sequence[Log]) -> None:
    if not logs:
        raise UserError("train: no log given; name at least one run-log")
    for log in logs:
        if log.facility != facility.name:
            where = getattr(log, "path", "log")
            raise UserError(
                f"{where}: a log of facility {log.facility!r}, not of {facility.name!r}; name its own"
            )


def _defaults(facility: Facility) -> np.ndarray:
    return np.array([q.value for q in facility.quantity])


def _measure(facility, samples: Samples, split_h: float, seed: int, recipe: Recipe, say: Progress) -> Report:
    """Fit to the rows before ``split_h``, calibrate on the last of them, and score the rows from it on.

    Three pieces of the training rows in order of time: fitted, stop early, calibrate intervals. Then all of
    them are fitted for as many steps, since the baselines see all of them too.
    """
    room = len(samples)
    before, after = samples.cut(samples.time_h < split_h), samples.cut(samples.time_h >= split_h)
    n = len(before)
    stop, tail = (max(FEWEST_TAIL, int(share * n)) for share in (STOP_SHARE, CALIBRATION_SHARE))
    if n < 3 * FEWEST_TAIL or not len(after):
        raise UserError(f"{n} rows before the test time are too few or at one time; add logs of other times")
    scale = ensemble.scaling(before.x, before.y, input_floor(facility), _defaults(facility))
    say("Learning beam quantities", 0.05)
    early = before.cut(slice(0, n - tail))
    first = fitting.fit(early.x, early.y, scale, seed, recipe, later=stop, room=room)
    last = before.cut(slice(n - tail, None))
    groups = conformal.stretches(last.x[:, : last.knobs])
    band = conformal.calibrate(first.ensemble, last.x, last.y, groups)
    say("Learning beam quantities", 0.25)
    whole = fitting.fit(before.x, before.y, scale, seed, recipe, rounds=first.rounds, room=room)
    say("Measuring skill on later time", 0.4)
    mean, _, _ = conformal.interval(whole.ensemble, band, after.x)
    covered = conformal.coverage(whole.ensemble, band, after.x, after.y)
    names = [q.name for q in facility.quantity]
    scored = np.flatnonzero(np.isfinite(before.y).any(0) & np.isfinite(after.y).any(0)).tolist()
    skills = {names[q]: skill(before, after, q, mean[:, q], seed) for q in scored}
    return Report(
        skills, {names[q]: float(covered[q]) for q in scored}, band, first.rounds, len(before), len(after)
    )


def _law(
    facility, found, band: Band, learned: Hazards, reach, samples: Samples, floor, seed: int
) -> LearnedLaw:
    knobs = len(facility.knob)
    seen = support(samples.x[:, :knobs], samples.x[:, knobs:], floor, seed)
    rates = LogLinear(
        *map(asarray, (learned.mean, learned.root, learned.x_mean, learned.x_scale, learned.group))
    )
    return LearnedLaw(found, band, rates, asarray(reach), seen)
