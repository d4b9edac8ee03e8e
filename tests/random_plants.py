"""Random facilities, laws, draws and scenarios of fixed shapes, with each feature of the twin on or off.

Shapes never change, so the batched engine compiles once for rings and once for linacs.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from twin.draws import Draws
from twin.facility import Facility
from twin.plant import LawOutput, Plant, build
from twin.scenario import Calendar, Scenario

FEATURES = (
    "ring", "like units", "phases", "tree", "levels", "minimal repair", "diagnosis", "conditioning", "crews",
    "queues", "beamline faults", "no hazard", "restart at once", "no touschek", "no warm-up", "merging",
    "low share at its bounds", "ages with beam", "page at an epoch", "one current",
)  # fmt: skip
P, C, B, K, W, S, E, LIVES, VISITS = 10, 2, 2, 3, 1, 8, 5, 48, 16
HORIZON_H = 72.0
WEIBULL = (0, 3, 8, 9)
LEAVES = (6, 7, 8, 9)
"""The processes whose units stand under the tree's gates; the last two are modes of one unit."""
UNITS = (1, 2, 3, 1, 4, 2, 3, 2, 1, 1)
"""Like units of each process, where there are any."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class RandomLaw:
    """Hazards exponential, quantities linear in settings and conditions; a quantity may turn negative."""

    hazard: Any  # [P]
    hazard_slope: Any  # [P, K + W]
    quantity: Any  # [1 + B]: lifetime, then a flux for each beamline
    quantity_slope: Any  # [1 + B, K + W]

    def __call__(self, settings, conditions):
        x = jnp.concatenate([settings / 300.0 - 1.0, conditions])
        hazard = self.hazard * jnp.exp(self.hazard_slope @ x)
        return LawOutput(hazard, self.quantity * (1.0 + self.quantity_slope @ x))


class Case(NamedTuple):
    """One random plant with its law, its chance and its world outside."""

    plant: Plant
    law: RandomLaw
    draws: Draws
    scenario: Scenario


def random_case(features: frozenset[str], seed: int) -> Case:
    """The case of a seed with these features on; the same seed gives the same numbers under other features."""
    rng = np.random.default_rng([2026, seed])
    facility = random_facility(rng, features)
    plant = build(facility)
    return Case(plant, random_law(rng, plant, features), random_draws(rng), random_scenario(rng, features))


def random_facility(rng, on: frozenset[str]) -> Facility:
    subsystems = [_subsystem(rng, on, p) for p in range(P)]
    second = subsystems.pop()["mode"][0]
    subsystems[-1]["mode"] += [second | {"name": "n"}]
    return Facility.model_validate(
        {
            "name": "random",
            "title": "Random",
            "kind": "ring" if "ring" in on else "linac",
            "beam": _beam(rng, on),
            "knob": [_channel(f"k{i}") | {"low": 1.0, "high": 1e3, "ramp_per_h": 1.0} for i in range(K)],
            "condition": [_channel("w0")],
            "quantity": [_channel(f"q{i}") for i in range(1 + B)],
            "crew": [
                {"name": f"c{i}", "size": int(rng.integers(1, 4)) if "queues" not in on else 1}
                for i in range(C)
            ],
            "subsystem": subsystems,
            "gate": []
            if "tree" not in on
            else _gates(rng, on, [s["units"] for s in subsystems[min(LEAVES) :]]),
            "schedule": {"user_h_per_year": 5000.0, "block": [{"phase": "user", "hours": 24.0}]},
            "beamline": [_beamline(rng, on, i) for i in range(B)],
            "metrics": {"merge_h": float(rng.uniform(0.1, 3.0)) * ("merging" in on)},
        }
    )


def _channel(name: str) -> dict:
    return {"name": name, "title": name, "pv": name, "unit": "1", "value": 300.0}


def _beam(rng, on: frozenset[str]) -> dict:
    low = float(rng.choice([0.0, 1.0])) if "low share at its bounds" in on else float(rng.uniform(0.2, 0.99))
    beam = {"restart_h": 0.0 if "restart at once" in on else float(rng.uniform(0.05, 1.0)), "low_share": low}
    if "ring" in on:
        share = 0.0 if "no touschek" in on else float(rng.uniform(0.0, 0.9))
        fill = float(rng.uniform(100.0, 5000.0))
        beam |= {"current_knob": "k0", "lifetime": "q0", "touschek_share": share, "fill_per_h": fill}
    return beam


def _beamline(rng, on: frozenset[str], i: int) -> dict:
    return {
        "name": f"b{i}", "title": "", "flux": f"q{1 + int(rng.integers(0, B))}",
        "exchange_min": float(rng.uniform(0.6, 18.0)), "exposure_min": float(rng.uniform(1.2, 36.0)),
        "warmup_min": 0.0 if "no warm-up" in on else float(rng.uniform(6.0, 120.0)),
        "warmup_tau_min": float(rng.uniform(6.0, 120.0)),
        "experiments_per_week": 10.0, "samples_per_experiment": 10.0,
    }  # fmt: skip


def _subsystem(rng, on: frozenset[str], p: int) -> dict:
    """Processes 4 and 5 are bound to phases, 6 to 8 feed the tree; the numbers never depend on the features."""
    shape = float(rng.choice([0.6, 0.9, 1.5, 2.5, 4.0])) if p in WEIBULL else 1.0
    effect = str(rng.choice(["dump", "dump", "injection", "distort", "beamline"]))
    crew, long = int(rng.choice([-1, 0, 1])), "queues" in on
    median = float(rng.uniform(0.05, 6.0 if long else 2.0))
    mode = {
        "name": "m", "mtbf_h": 10.0, "shape": shape, "ages": str(rng.choice(["beam", "always"])),
        "repair": {"median_h": median, "sigma": float(rng.uniform(0.1, 1.2))},
        "minimal_repair": bool(rng.random() < 0.6) and "minimal repair" in on,
        "diagnosis_h": float(rng.uniform(0.02, 0.5)) * (rng.random() < 0.6) * ("diagnosis" in on),
        "conditioning_h": float(rng.uniform(0.02, 0.5)) * (rng.random() < 0.6) * ("conditioning" in on),
    }  # fmt: skip
    if "ages with beam" not in on:
        mode["ages"] = "always"
    if long or ("crews" in on and crew >= 0):
        mode["crew"] = "c0" if long else f"c{crew}"
    if p in (4, 5):
        mode["phases"] = ["user", "study"] if p == 4 else ["startup", "injection", "user"]
        if "phases" not in on:
            mode["phases"] = ["shutdown", "startup", "injection", "user", "study"][p - 4 :]
    if effect == "beamline" and ("beamline faults" not in on):
        effect = "dump"
    if effect == "injection" and "ring" not in on:
        effect = "distort"
    mode |= {"effect": "unit" if p in LEAVES and "tree" in on else effect}
    if mode["effect"] == "beamline":
        mode["beamline"] = f"b{int(rng.integers(0, B))}"
    return {"name": f"s{p}", "title": "", "units": UNITS[p] if "like units" in on else 1, "mode": [mode]}


def _gates(rng, on: frozenset[str], units: list[int]) -> list[dict]:
    """A gate over the first two leaves, and one over that gate, the second leaf again and the third."""
    tops = ["dump", "distort"] if "tree" in on else ["distort", "distort"]
    inputs = [units[0] + units[1], 1 + units[1] + units[2]]
    gates = []
    for g, (n, of) in enumerate(zip(inputs, (["s6", "s7"], ["g0", "s7", "s8"]), strict=True)):
        needs = int(rng.integers(1, n + 1)) if "tree" in on else 0
        gate = {"name": f"g{g}", "of": of, "needs": needs, "effect": tops[g]}
        if "levels" in on and needs < n:
            ups = sorted({n - 1, needs}, reverse=True)
            gate["level"] = [{"up": u, "share": s} for u, s in zip(ups, (0.93, 0.8), strict=False)]
        gates.append(gate)
    return gates


def random_law(rng, plant: Plant, on: frozenset[str]) -> RandomLaw:
    hazard = plant.units * (1.0 / rng.uniform(4.0, 40.0, P)) ** plant.shape
    idle = rng.random(P) < 0.15
    return RandomLaw(
        hazard=np.where(idle & ("no hazard" in on), 0.0, hazard),
        hazard_slope=rng.normal(0.0, 0.8, (P, K + W)),
        quantity=np.concatenate([[rng.uniform(2.0, 40.0)], 300.0 * rng.uniform(0.5, 2.0, B)]),
        quantity_slope=rng.normal(0.0, 0.3, (1 + B, K + W)),
    )


def random_draws(rng) -> Draws:
    arrive = np.cumsum(rng.exponential(8.0, (1, B, VISITS)), axis=-1)
    brought = np.cumsum(rng.integers(1, 40, (1, B, VISITS)), axis=-1)
    return Draws(
        rng.exponential(1.0, (1, P, LIVES)),
        rng.normal(0.0, 1.0, (1, P, LIVES)),
        arrive - arrive[..., :1],
        np.concatenate([np.zeros((1, B, 1)), brought], axis=-1).astype(float),
        np.zeros((1, 0, LIVES)),
    )


def random_scenario(rng, on: frozenset[str]) -> Scenario:
    """Calendars with blocks of any kind; a page may turn at the very edge of an epoch."""
    edges = np.concatenate([[0.0], np.sort(rng.uniform(1.0, HORIZON_H - 1.0, E - 1)), [HORIZON_H]])
    ends = np.sort(rng.uniform(1.0, 1.2 * HORIZON_H, S))
    if "page at an epoch" in on:
        ends[2] = edges[2]
        ends = np.sort(ends)
    ends[-1] = np.inf
    phase = rng.choice(["user", "user", "user", "study", "maintenance"], S)
    user = phase == "user"
    calendar = Calendar(ends, phase != "maintenance", user, user[:, None] & (rng.random((S, B)) < 0.7))
    settings = np.column_stack([rng.uniform(150.0, 500.0, E), rng.uniform(150.0, 450.0, (E, K - 1))])
    if "one current" in on:
        settings[:, 0] = settings[0, 0]
    return Scenario(calendar, edges, settings, rng.normal(0.0, 0.5, (E, W)))
