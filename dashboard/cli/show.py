"""What the commands print: one function for each kind of finding."""

from typing import Any

from dashboard.cli.console import explain, say, show
from twin.outcome import METRICS

Json = dict[str, Any]


def _pm(row: Json, digits: int) -> str:
    return f"{row['mean']:+.{digits}f} ({row['low']:+.{digits}f} ... {row['high']:+.{digits}f})"


def facilities(found) -> None:
    """One row a facility."""
    rows = [
        (f.name, f.title, len(f.knob), len(f.quantity), len(f.process_names), len(f.beamline)) for f in found
    ]
    show(
        "Built-in facilities",
        ["name", "title", "knobs", "quantities", "failure processes", "beamlines"],
        rows,
        (2, 3, 4, 5),
    )


def log_report(path, report) -> None:
    """What was read, dropped and repaired of a log, then defects of one kind together."""
    say(f"{path}: {report.hours:g} h, {report.read:,} samples read, {report.kept:,} kept.")
    say(f"Dropped: {_reasons(report.defects, 'dropped')}.")
    say(f"Repaired: {_reasons(report.defects, 'repaired')}.")
    groups: dict[tuple, list] = {}
    for d in report.defects:
        groups.setdefault((d.severity, d.what, d.action), []).append(d)
    rows = [
        (severity, what, sum(d.samples for d in ds), action, ", ".join(dict.fromkeys(d.where for d in ds)),
         ds[0].detail if len(ds) == 1 else "")
        for (severity, what, action), ds in groups.items()
    ]  # fmt: skip
    if rows:
        show("Defects", ["severity", "what", "count", "action", "where", "detail"], rows, (2,))
    else:
        say("No defects.")


def _reasons(defects, action: str) -> str:
    """How many samples and faults, and why, the most frequent reason first."""
    found: dict[str, dict[str, int]] = {}
    for d in defects:
        if d.action == action:
            counts = found.setdefault("faults" if d.where.startswith("faults ") else "samples", {})
            counts[d.what] = counts.get(d.what, 0) + d.samples
    told = []
    for items, counts in found.items():
        why = ", ".join(f"{what} {n:,}" for what, n in sorted(counts.items(), key=lambda w: -w[1]))
        total = sum(counts.values())
        told.append(f"{total:,} {items if total > 1 else items.removesuffix('s')} ({why})")
    return "; ".join(told) or "nothing"


def resampled(path, log, accounts) -> None:
    """What went into the bins of each channel, and what did not."""
    read, used = (sum(getattr(a, key) for a in accounts) for key in ("read", "used"))
    say(f"{path}: {len(accounts)} channels in {log.time_h.size:,} bins; {used:,} of {read:,} samples used.")
    say("The others are unusable (`beamtwin check` says why) or come after the last full bin.")
    rows = [
        (a.name, a.statistic, f"{a.read:,}", f"{a.used:,}", f"{a.read - a.used:,}", f"{a.empty:,}")
        for a in accounts
    ]
    columns = ["channel", "statistic", "samples read", "used", "left out", "bins without a value"]
    show("Channels", columns, rows, (2, 3, 4, 5))


def imported(account) -> None:
    """What an import used, and what it did not."""
    used = f"{account.rows_used:,} of {account.rows_read:,} {account.counted} used"
    say(f"{account.path}: {used}, {len(account.channels)} channels.")
    if account.defects:
        rows = [(d.severity, d.where, d.what, d.samples, d.action, d.detail) for d in account.defects]
        show(
            "Not used, or used otherwise",
            ["severity", "where", "what", "count", "action", "detail"],
            rows,
            (3,),
        )


def card(found: Json) -> None:
    """Skill on later time, hazards, and whether the model may be used."""
    rows = [
        (r["target"], r["score_name"], f"{r['model']:.4g}", f"{r['baseline']:.4g}", r["baseline_name"],
         f"{r['r2']:.3f}" if r.get("r2") is not None else "", r["n"], "yes" if r["better"] else "no")
        for r in found["skill"]
    ]  # fmt: skip
    columns = ["target", "score", "model", "best baseline", "which", "R2", "n", "better"]
    show("Skill on the last 30 % of the time (lower is better)", columns, rows, (2, 3, 5, 6))
    covered = ", ".join(f"{k} {100 * v:.0f} %" for k, v in found["coverage"].items() if v is not None)
    if covered:
        say(f"Coverage of the 90 % intervals on that time: {covered}.")
    if found["usable"]:
        say("The model beats the best baseline on the quantities that carry the objective: usable.")
    else:
        say(f"Not usable for recommendations: {found['reason']}.")


def models(entries) -> None:
    """One row a model."""
    rows = [
        (
            e.id,
            e.card["made_at"],
            "yes" if e.card["usable"] else "no",
            ", ".join(e.card["outputs"]),
            e.card["rows"]["used"],
        )
        for e in entries
    ]
    show("Models", ["id", "made at", "usable", "outputs", "rows"], rows, (4,))


def figures(facility, found, spread, compared, args, engine) -> None:
    """The metrics of a simulation, what nine of ten runs had, and published figures beside them."""
    title = f"{facility.title}: {args.runs} runs of {args.years:g} year(s), {engine} engine, seed {args.seed}"
    rows = []
    for metric in METRICS:
        (mean, low, high), digits = found[metric.name], metric.digits
        bad, _, good = (e.value for e in spread[metric.name])
        rows.append((metric.title, f"{mean:.{digits}f}", f"{low:.{digits}f} ... {high:.{digits}f}",
                     f"{bad:.{digits}f} ... {good:.{digits}f}", metric.unit))  # fmt: skip
    columns = ["metric", "mean", "90 % interval of the mean", "9 of 10 runs", "unit"]
    show(title, columns, rows, (1, 2, 3))
    explain(metric.name for metric in METRICS)
    rows = [
        (
            c["metric"],
            f"{c['published']:g}",
            f"{c['twin'][0]:.2f} ({c['twin'][1]:.2f} ... {c['twin'][2]:.2f})",
            c["source"],
        )
        for c in compared
    ]
    if rows:
        show("Against published statistics", ["metric", "published", "twin", "source"], rows, (1, 2))


def causes(rows, most: int = 10) -> None:
    """What loses the users' beam: hours by root cause as simulated, importance as the tree has it."""
    if not rows:
        return

    def percent(estimate) -> str:
        return f"{100 * estimate.value:.1f} ({100 * estimate.low:.1f} ... {100 * estimate.high:.1f})"

    table = [
        (row["process"], f"{row['lost_h'].value:.2f}", percent(row["lost_share"]), percent(row["criticality"]),
         f"{row['birnbaum'].value:.3f}")
        for row in rows[:most]
    ]  # fmt: skip
    title = f"What loses beam: the first {len(table)} of {len(rows)} causes"
    columns = ["cause", "lost hours a run", "share, % (90 %)", "criticality, % (90 %)", "Birnbaum"]
    show(title, columns, table, (1, 2, 3, 4))


def cases(rows, scenario) -> None:
    """One row a case of a what-if, changes with their intervals."""
    metrics = [m for m in METRICS if m.name in ("useful_beam", "availability", "failures", "samples")]
    table = []
    for name, found in rows:
        cells = [name]
        for m in metrics:
            mean, gain = found[m.name]
            change = "" if name == "as it is" else f"  {_pm(gain._asdict(), m.digits)}"
            cells.append(f"{mean:.{m.digits}f}{change}")
        table.append(cells)
    columns = ["case", *(f"{m.title} [{m.unit}]" if m.unit else m.title for m in metrics)]
    show(
        f"{scenario.facility}: {scenario.days:g} days, {scenario.runs} runs on common draws; change with 90 % interval",
        columns,
        table,
    )
    explain(m.name for m in metrics)


def recommendation(made: Json) -> None:
    """The table an operator reads."""
    say(f"\n{made['title'].upper()}: {made['headline']}")
    rows = [
        (k["title"], f"{k['present']:.{k['precision']}f}", f"{k['proposed']:.{k['precision']}f}", k["unit"],
         f"{k['low']:g} ... {k['high']:g}", f"{k['ramp_h']:.1f} h", _pm(k["gain_share"], 2) if k["gain_share"] else "")
        for k in made["knobs"]
    ]  # fmt: skip
    columns = ["setting", "present", "proposed", "unit", "limits", "ramp", "brings, % useful beam"]
    show("Settings", columns, rows, (1, 2, 5, 6))
    rows = [
        (e["title"], f"{e['present']:.{e['digits']}f}", f"{e['proposed']:.{e['digits']}f}",
         f"{e['change']:+.{e['digits']}f} ({e['low']:+.{e['digits']}f} ... {e['high']:+.{e['digits']}f})", e["unit"])
        for e in made["effects"]
    ]  # fmt: skip
    if rows:
        days = made["evidence"]["horizon_h"] / 24
        show(
            f"Expected over the coming {days:g} days (90 % interval)",
            ["metric", "present", "proposed", "change", "unit"],
            rows,
            (1, 2, 3),
        )
        explain(e["metric"] for e in made["effects"])
    say("\nWhy")
    for line in made["why"]:
        say(f"- {line}")
    if made["replay"]:
        say(f"- {made['replay']['same_luck']}")


def truth(found: Json) -> None:
    """What the hidden plant says of a recommendation."""
    rows = [
        ("true gain of the recommendation", _pm(found["gain"], 2)),
        ("gain of the plant's own optimum", _pm(found["best_gain"], 2)),
        ("regret", _pm(found["regret"], 2)),
        ("promised quantities truly kept", "yes" if found["promises_kept"] else "NO"),
    ]
    show("On the hidden plant, % useful beam", ["", ""], rows, (1,))
