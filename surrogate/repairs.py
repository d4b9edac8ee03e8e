"""How long repairs take, learned from the fault table: a facility with calibrated repair times."""

import math

import numpy as np

from surrogate.exposure import History, modes
from twin import Facility
from twin.tables import Mode, Repair

PRIOR_REPAIRS = 3.0
"""The facility file's own repair time counts as much as this many recorded repairs."""


def calibrate(facility: Facility, logs: list[History]) -> tuple[Facility, list[dict]]:
    """The facility with each mode's repair time drawn towards the log, and one row a mode for the card.

    A mode without a recorded repair keeps the file's values.
    """
    learned, rows = {}, []
    for name, (mode, processes) in modes(facility).items():
        hours = recorded(logs, processes)
        learned[name] = shrink(mode.repair, hours)
        rows.append({"mode": name, "repairs": len(hours), **learned[name].model_dump()})
    counts = {row["mode"]: row["repairs"] for row in rows}

    def calibrated(stem: str, mode: Mode) -> Mode:
        n = counts[f"{stem}.{mode.name}"]
        if not n:
            return mode
        source = f"calibrated on {n} repair{'s' if n > 1 else ''}"
        return mode.model_copy(update={"repair": learned[f"{stem}.{mode.name}"], "source": source})

    subsystems = [
        s.model_copy(update={"mode": [calibrated(s.name, mode) for mode in s.mode]})
        for s in facility.subsystem
    ]
    return facility.model_copy(update={"subsystem": subsystems}), rows


def recorded(logs: list[History], processes: list[str]) -> np.ndarray:
    """Finished repairs of some processes, h: from the start of the repair, waiting for a crew left out."""
    found = []
    for log in logs:
        ours = np.isin(log.faults["process"], processes)
        begun = np.where(
            np.isnan(log.faults["repair_start_h"]), log.faults["start_h"], log.faults["repair_start_h"]
        )
        found.append((log.faults["end_h"] - begun)[ours])
    hours = np.concatenate(found) if found else np.zeros(0)
    return hours[np.isfinite(hours) & (hours > 0)]


def shrink(prior: Repair, hours: np.ndarray) -> Repair:
    """Posterior lognormal of repair times ``hours`` [N] with ``prior`` worth PRIOR_REPAIRS observations.

    mu = (n0 mu0 + sum(log t)) / (n0 + n); sigma**2 = (n0 sigma0**2 + sum((log t - mean)**2)
    + n0 n / (n0 + n) (mean - mu0)**2) / (n0 + n): the normal-inverse-gamma conjugate.
    """
    if not len(hours) or prior.median_h is None or prior.sigma is None:
        return prior  # nothing recorded, or a law other than the lognormal: it stays the file's
    n0, n, mu0, logs = PRIOR_REPAIRS, len(hours), math.log(prior.median_h), np.log(hours)
    mean = float(logs.mean())
    mu = (n0 * mu0 + n * mean) / (n0 + n)
    squares = float(((logs - mean) ** 2).sum()) + n0 * n / (n0 + n) * (mean - mu0) ** 2
    sigma = math.sqrt((n0 * prior.sigma**2 + squares) / (n0 + n))
    return Repair(median_h=math.exp(mu), sigma=min(sigma, 5.0))
