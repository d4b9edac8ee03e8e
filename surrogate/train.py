"""Training: fit, measure skill on later time, fit again to all rows, and write the card."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jax.numpy import asarray

from replay_data.record import Log, instant
from replay_data.view import LogView
from surrogate import conformal, coverage, ensemble, extrapolation, hazards, repairs
from surrogate.baselines import skill
from surrogate.calibration import calibrated
from surrogate.card import Report, describe
from surrogate.checkpoint import Checkpoint
from surrogate.conformal import Band
from surrogate.exposure import history
from surrogate.faults import Faults
from surrogate.fitting import Recipe, recipe_for
from surrogate.learned import LearnedLaw
from surrogate.models import chosen
from surrogate.models.physics import known_law
from surrogate.samples import Samples, boundary_h, categories, gather, held, input_floor
from surrogate.selection import Choice, Study, choose, tail
from surrogate.support import support
from twin import Facility, UserError
from twin.types import Progress, silent

TEST_SHARE = 0.30


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
    recipe: Recipe | None = None,
    models: Sequence[str] | None = None,
    keep: Checkpoint | None = None,
) -> Trained:
    """Learn a law from one or more logs of a facility.

    Skill is measured on the last 30 % of the rows in time, never on a random split; then the law in service
    is fitted again to all rows. Equal logs and seeds give equal laws. ``models`` names the candidate models
    (None: all). ``keep`` stores checkpoints: after a kill, the same call resumes from the last one.
    """
    progress = progress or silent
    _check(facility, logs)
    progress("Reading the logs", 0.0)
    logs = sorted(logs, key=lambda log: instant(log.start))
    offsets = np.concatenate([[0.0], np.cumsum([log.hours for log in logs])])[:-1].tolist()
    views = [LogView(log, facility) for log in logs]
    past = [history(view, o) for o, view in zip(offsets, views, strict=True)]
    samples = gather(facility, [(o, view.frame) for o, view in zip(offsets, views, strict=True)])
    split_h = boundary_h(samples, TEST_SHARE)

    study = replace(study_of(facility, samples, models, seed, recipe), checkpoint=keep)
    logged = ensemble.logarithms(samples.y, _defaults(facility), samples.time_h < split_h)
    report = _measure(facility, samples, split_h, study, logged, progress)
    progress("Learning from all rows", 0.68)
    study = _rescaled(study, facility, samples, logged)
    scale, floor, rows = study.scale, input_floor(facility), _recalled(samples, report.choices)
    found = study.fitted(rows, report.choices).reading(samples.x[-1], held(samples.y)[-1])
    extrapolation_error = extrapolation.extrapolation_error(
        rows, lambda part: study.fitted(part, report.choices)
    )
    progress("Learning hazards and repair times", 0.92)
    learned, hazard_rows = hazards.learn(facility, past, scale.x_mean, scale.x_scale, split_h, seed)
    with_repair_times, repair_rows, times = repairs.calibrate(facility, past)
    learned = replace(learned, repairs=times)
    law = _law(facility, found, report.trust.band, learned, extrapolation_error, samples, floor, seed)
    progress("Writing the card", 0.98)
    card = describe(facility, logs, samples, split_h, report, hazard_rows, repair_rows, seed, past)
    card["reach"] = dict(zip([q.name for q in facility.quantity], extrapolation_error.tolist(), strict=True))
    if keep:
        keep.clear()
    progress("Done", 1.0)
    return Trained(law, card, calibrated(with_repair_times, learned))


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


def _scale(facility: Facility, x, y, logged=None) -> ensemble.Scaling:
    kinds = categories(facility, x)
    return ensemble.scaling(x, y, input_floor(facility), _defaults(facility), kinds, logged)


def _rescaled(study: Study, facility: Facility, samples: Samples, logged) -> Study:
    scale = _scale(facility, samples.x, samples.y, logged)
    return replace(study, scale=scale, known=known_law(facility, scale))


def study_of(
    facility: Facility, samples: Samples, models=None, seed: int = 0, recipe: Recipe | None = None
) -> Study:
    """The study of the named learners, with the scaling of these rows."""
    scale = _scale(facility, samples.x, samples.y)
    own = recipe or recipe_for(len(samples))
    return Study(chosen(models), scale, seed, own, len(samples), known_law(facility, scale))


def _recalled(samples: Samples, choices: Sequence[Choice]) -> Samples:
    """The rows, without the last measurement if no choice uses it."""
    return samples if any(c.retain for c in choices) else replace(samples, last=None)


def _measure(facility, samples: Samples, split_h: float, study: Study, logged, progress: Progress) -> Report:
    """Choose models on the rows before ``split_h``, calibrate on the last of them, score the rows from it on.

    The chosen models are scored after a fit to all rows before ``split_h``, as the baselines are.
    """
    names, old = [q.name for q in facility.quantity], samples.time_h < split_h
    before, after = samples.cut(old), samples.cut(~old)
    if not len(after):
        raise UserError(f"{len(before)} rows before the test time, none in it; add logs of other times")
    study = _rescaled(study, facility, before, logged)
    progress("Learning beam quantities", 0.02)
    found = choose(study, before, lambda share: progress("Learning beam quantities", 0.02 + 0.43 * share))
    before, after = (_recalled(rows, found.choices) for rows in (before, after))
    first = study.mixed(found.fits, found.choices)
    whole = study.fitted(before, found.choices)
    progress("Measuring skill on later time", 0.46)
    last = before.cut(slice(len(before) - tail(len(before))[0], None))
    trust = coverage.measured(names, (first, last), (whole, after), before, study.seed)
    mean, _, _ = conformal.interval(whole, trust.band, after.wide)
    scored = np.flatnonzero(np.isfinite(before.y).any(0) & np.isfinite(after.y).any(0)).tolist()
    skills = {names[q]: skill(before, after, q, mean[:, q], study.seed) for q in scored}
    return Report(skills, trust, found.choices, found.refused, study.efforts, len(before), len(after))


def _law(
    facility, found, band: Band, learned: Faults, extrapolation_error, samples: Samples, floor, seed: int
) -> LearnedLaw:
    knobs = len(facility.knob)
    data_support = support(samples.x[:, :knobs], samples.x[:, knobs:], floor, seed)
    return LearnedLaw(found, band, learned, asarray(extrapolation_error), data_support)
