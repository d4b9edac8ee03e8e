"""The tables of the comparison with the field, in Markdown, from its rows."""

import numpy as np
from scipy.stats import binom

from benchmarks.field_problems import PROBLEMS
from benchmarks.field_tools import CASES, TOOLS


def tables(rows: list[dict]) -> str:
    """All tables."""
    trials = [row for row in rows if "problem" in row]
    parts = [
        _regret(key, [r for r in trials if r["problem"] == key])
        for key in PROBLEMS
        if PROBLEMS[key].corner is None
    ]
    parts += [
        _front([row for row in trials if row["problem"] == "front"]),
        _speed([row for row in rows if "speed" in row]),
    ]
    return "\n\n".join([part for part in parts if part] + [_versions(rows)])


def _regret(key: str, rows: list[dict]) -> str:
    if not rows:
        return ""
    points = [n for n in (15, 25, 50, 100) if n <= PROBLEMS[key].budget and (n != 15 or PROBLEMS[key].model)]
    points = [n for n in points if n != 25 or PROBLEMS[key].budget == 25]
    unit = f" [{PROBLEMS[key].unit}]" if PROBLEMS[key].unit else ""
    duel = min(PROBLEMS[key].budget, 50)
    head = [f"best look after {n}" for n in points] + [f"chosen after {duel}"]
    head += [f"{CASES[key][0]} is better", "beyond a limit" if key == "tnk" else "worse than the start"]
    head += ["CPU s a suggestion"]
    lines = _head(f"**{PROBLEMS[key].name}**, regret{unit}", ["tool", "seeds", *head])
    for name in CASES[key]:
        own = [row for row in rows if row["tool"] == name]
        if not own:
            lines.append(f"| {_named(name, False)} | 0 |" + " |" * len(head))
            continue
        cells = [
            _middle([row["best_look"][str(n)] for row in own if str(n) in row["best_look"]]) for n in points
        ]
        cells += [_middle([row["chosen"][str(duel)] for row in own if str(duel) in row["chosen"]])]
        looks = sum(row["own_looks"] for row in own)
        bad = sum(row["violations" if key == "tnk" else "worse"] for row in own)
        cells += [_duel(rows, CASES[key][0], name, str(duel))]
        cells += [f"{100 * bad / looks:.1f} %", f"{np.median([row['seconds'][0] for row in own]):.3f}"]
        lines.append(f"| {_named(name, True)} | {len(own)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _front(rows: list[dict]) -> str:
    if not rows:
        return ""
    problem = PROBLEMS["front"]
    head = [
        "tool",
        "seeds",
        f"share of the hypervolume after {problem.budget}",
        "beyond a limit",
        "CPU s a suggestion",
    ]
    lines = _head(f"**{problem.name}**", head)
    for name in CASES["front"]:
        own = [row for row in rows if row["tool"] == name]
        if not own:
            lines.append(f"| {_named(name, False)} | 0 | | | |")
        else:
            shares = _middle([100 * row["hypervolume"] for row in own], "{:.2f}")
            beyond = 100 * sum(row["violations"] for row in own) / sum(row["own_looks"] for row in own)
            spent = np.median([row["seconds"][0] for row in own])
            lines.append(f"| {_named(name, True)} | {len(own)} | {shares} % | {beyond:.0f} % | {spent:.3f} |")
    return "\n".join(lines)


def _speed(rows: list[dict]) -> str:
    if not rows:
        return ""
    head = ["told", "knobs", "limit"] + [f"{name}: CPU s (95 %)" for name in ("bayes", "Xopt EI")] + ["ratio"]
    lines = _head("**Seconds of processor a suggestion**", head)
    for told, knobs, limited in sorted({(r["told"], r["knobs"], r["limited"]) for r in rows}):
        found = [
            next(
                (
                    r
                    for r in rows
                    if (r["speed"], r["told"], r["knobs"], r["limited"]) == (name, told, knobs, limited)
                ),
                None,
            )
            for name in ("bayes", "Xopt EI")
        ]
        cells = ["" if r is None else f"{r['cpu'][0]:.3f} ({r['cpu'][1]:.3f})" for r in found]
        ratio = f"{found[1]['cpu'][0] / found[0]['cpu'][0]:.0f}" if all(found) else ""
        lines.append(
            f"| {told} | {knobs} | {'one' if limited else 'none'} | " + " | ".join([*cells, ratio]) + " |"
        )
    return "\n".join(lines)


def _duel(rows: list[dict], ours: str, other: str, point: str) -> str:
    """On how many of the seeds that both ran the best look of ours is better."""
    found = [
        {row["seed"]: row["best_look"][point] for row in rows if row["tool"] == name}
        for name in (ours, other)
    ]
    both = sorted(set(found[0]) & set(found[1]))
    return "" if ours == other else f"{sum(found[0][s] < found[1][s] for s in both)} of {len(both)}"


def _versions(rows: list[dict]) -> str:
    known = {TOOLS[row.get("tool", row.get("speed"))].package: row["version"] for row in rows}
    for package in sorted({tool.package for tool in TOOLS.values() if tool.package} - set(known)):
        known[package] = "not installed"
    here = {tool.package for tool in TOOLS.values() if tool.version}
    for package in set(known) - here - {None}:
        if known[package] != "not installed":
            known[package] += " (not installed here: rows of an earlier run)"
    spent = sum(row["cpu_s"] for row in rows)
    packages = ", ".join(f"{package} {version}" for package, version in known.items() if package)
    return f"Peers: {packages}. Processor time of all rows: {spent / 60:.0f} minutes."


def _head(title: str, head: list[str]) -> list[str]:
    return [title, "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]


def _named(name: str, ran: bool) -> str:
    """Ours stand out; a peer without rows is named with the reason."""
    if ran:
        return f"`{name}`" if TOOLS[name].package is None and name != "random" else name
    return f"{name}: {'no run yet' if TOOLS[name].version else 'not installed'}"


def _middle(values: list[float], shape: str = "{:.3g}") -> str:
    """The median and the 95 % interval of it by order statistics (of 5 values: the least and the greatest, 94 %)."""
    ordered = np.sort(values)
    n = len(ordered)
    if not n:
        return ""
    cut = max(int(binom.ppf(0.025, n, 0.5)) - 1, 0)
    low, high = ordered[cut], ordered[n - 1 - cut]
    return f"{shape.format(np.median(ordered))} ({shape.format(low)} ... {shape.format(high)})"
