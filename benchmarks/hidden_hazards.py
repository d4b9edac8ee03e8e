"""Are the hidden hazard laws recovered: truth against estimate with intervals, and how often these hold."""

import argparse
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

from controllers.recommend.forecast import of_plants
from replay_data import hidden
from replay_data.synthesize import synthesize
from replay_data.view import LogView
from surrogate import exposure, forms, hazards, repairs
from surrogate.calibration import calibrated, facilities
from twin import Facility, batched, load
from twin.draws import draw, enough
from twin.nominal import at, nominal
from twin.outcome import pooled
from twin.plant import Law, LawOutput, build, rates
from twin.scenario import ahead

SURE = 1.645
PLANTS, RUNS, YEAR_H = 32, 256, 8760.0
FORESEEN = ("availability", "mtbf_h", "mean_outage_h", "failures")
MUCH = 1e6


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Steady:
    """A hidden plant whose unrecorded drifts stand at zero."""

    law: Any

    def __call__(self, settings, conditions) -> LawOutput:
        return self.law(settings, jnp.concatenate([conditions, jnp.zeros(hidden.DRIFTS)]))


@jax.jit
def _hazards(law, settings, conditions):
    return jax.vmap(lambda s, f: at(law, s, f).hazard)(settings, conditions)


def truth(facility: Facility, law: Law, seed: int, mode, processes, seen, scale) -> np.ndarray:
    """The plant's own (w0, w): the log-linear fit to the failures that it expects in the stretches seen, no chance."""
    knobs = len(facility.knob)
    conditions = hidden.conditions(facility, seen.time_h, seed)
    hazard = np.asarray(_hazards(law, seen.x[:, :knobs], conditions))
    index = np.array([facility.process_names.index(p) for p in processes])[seen.process]
    spent = seen.spent(mode)
    expected = hazard[np.arange(len(spent)), index] * spent
    z = scale.z(seen.x, np.zeros(seen.x.shape[1], bool))
    shape = mode.shape if mode.law == "weibull" else 1.0
    return forms.posterior(z, MUCH * spent, MUCH * expected, 0.0, shape, 10.0)[0]


def recovered(facility: Facility, seed: int, days: float) -> dict:
    """One log: rows of truth and estimate, and the calibrated part."""
    log = exposure.history(LogView(synthesize(facility, days, seed), facility))
    law = hidden.plant_law(facility, seed)
    first = exposure.expose(facility, [log], *next(iter(exposure.modes(facility).values())))
    scale = forms.Scale(first.x.mean(0), first.x.std(0))
    part, reports = hazards.learn(facility, [log], scale.mean, scale.sd, 0.7 * log.hours, seed)
    mended, repair_rows, times = repairs.calibrate(facility, [log])
    rows = []
    for (mode, processes), report, fixed in zip(
        exposure.modes(facility).values(), reports, repair_rows, strict=True
    ):
        seen = exposure.expose(facility, [log], mode, processes)
        used = seen if mode.memoryless else seen.cut(seen.known)
        if used.events.sum():
            w = truth(facility, law, seed, mode, processes, used, scale)
            rows.append(_row(mode, report, fixed, w))
    return {
        "rows": rows,
        "part": type(part)(part.rates, part.nets, times),
        "facility": mended,
        "law": law,
        "log": log,
    }


def _row(mode, report: dict, fixed: dict, w: np.ndarray) -> dict:
    k = mode.shape
    life = report["mean_life_h"] | {"true": float(np.exp(-w[0]))}
    effects = [e | {"true": float(np.exp(k * b))} for e, b in zip(report["effects"], w[1:], strict=True)]
    shape = report["shape_interval"] and report["shape_interval"] | {"true": k}
    low, high = fixed["interval"].get("median_h", (np.nan, np.nan))
    median = {"mean": fixed["median_h"], "low": low, "high": high, "true": mode.repair.median_h}
    return {"mode": report["mode"], "n": report["events_used"], "form": report["form"], "life": life,
            "effects": effects, "shape": shape, "median": median, "ks_p": report["ks_p"]}  # fmt: skip


def foreseen(facility: Facility, found: dict, seed: int) -> dict[str, tuple]:
    """Of each figure: the true plant's long-run value and the calibrated one's interval, at the log's mean settings."""
    log = found["log"]
    space = [float(np.mean(log.channels[k.name].at(np.arange(0.0, log.hours)))) for k in facility.knob]
    scenario = ahead(facility, YEAR_H, settings=np.array(space))
    base = calibrated(found["facility"], found["part"])
    likely = [(own, nominal(own)) for own, _ in facilities(base, found["part"], PLANTS, seed)]
    rows = {r.metric: r for r in of_plants(likely, scenario, seed, batched, lambda text, share: None)}
    plant, law = build(facility), Steady(found["law"])
    often = rates(plant, np.asarray(law(scenario.settings[0], scenario.conditions[0]).hazard))
    draws = draw(facility, RUNS, *enough(facility, YEAR_H, 2.0 * often), seed=900 + seed)
    true = pooled(batched.simulate(plant, law, draws, scenario), plant)
    return {
        m: (true[m].value, rows[m].mean, rows[m].long_low, rows[m].long_high, rows[m].share) for m in FORESEEN
    }


def inside(row: dict) -> bool:
    """Does the interval hold the truth?"""
    return bool(row["low"] <= row["true"] <= row["high"])


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("facility", nargs="*", default=["storage-ring", "xfel-linac"])
    ask.add_argument("--first", type=int, default=1, help="first seed")
    ask.add_argument("--seeds", type=int, default=4)
    ask.add_argument("--days", type=float, default=240.0)
    ask.add_argument(
        "--years", action="store_true", help="also foresee years, and compare with the true plant's"
    )
    args = ask.parse_args()
    console = Console(width=160)
    for name in args.facility:
        facility, held, long = load(name), {}, {}
        for seed in range(args.first, args.first + args.seeds):
            found = recovered(facility, seed, args.days)
            if seed == args.first:
                _tell(console, f"{name}, seed {seed}", found["rows"])
            for row in found["rows"]:
                for kind in ("life", "shape", "median"):
                    held.setdefault(kind, []).extend([inside(row[kind])] if row[kind] else [])
                held.setdefault("effects", []).extend(inside(e) for e in row["effects"])
            for metric, row in (foreseen(facility, found, seed) if args.years else {}).items():
                long.setdefault(metric, []).append(row)
        for kind, hits in held.items():
            console.print(f"{name}: {kind}: {sum(hits)} of {len(hits)} in their 90 % intervals")
        for metric, rows in long.items():
            hits = sum(low <= true <= high for true, _, low, high, _ in rows)
            console.print(f"{name}: long-run {metric}: {hits} of {len(rows)} in their 90 % intervals")
            for true, mean, low, high, share in rows:
                console.print(
                    f"   true {true:.4g}, foreseen {mean:.4g} ({low:.4g} ... {high:.4g}), {100 * share:.0f} %"
                )


def _tell(console: Console, name: str, rows: list[dict]) -> None:
    table = Table(title=f"{name}: true -> learned (90 % interval)", title_justify="left")
    for column in ("mode", "n", "mean life, h", "shape", "strongest effects, per +1 sd", "repair median, h"):
        table.add_column(column)
    for row in rows:
        effects = sorted(row["effects"], key=lambda e: -abs(np.log(e["true"])))[:2]
        told = "; ".join(f"{e['input']} {_span(e)}" for e in effects)
        table.add_row(
            row["mode"], str(row["n"]), _span(row["life"]), _span(row["shape"]), told, _span(row["median"])
        )
    console.print(table)


def _span(row: dict | None) -> str:
    if not row or row["mean"] is None:
        return ""
    return f"{row['true']:.3g} -> {row['mean']:.3g} ({row['low']:.3g} ... {row['high']:.3g})"


if __name__ == "__main__":
    main()
