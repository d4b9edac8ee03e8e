"""Searches against the field: same problems, same beginnings, same random events, same budgets, in one run.

Peers are Xopt (with BoTorch), cma and random settings; an absent one is named as not installed. To compare with all,
give them an environment of their own beside what this project needs (`make peers`: PyTorch is large), then::

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 work/peers/bin/python -m benchmarks.field --seeds 20

Each row is kept in a file as it is done, so that a run goes on where it stopped; ``--report`` prints the tables.
Rows of a tool that has changed are done anew; of one that is not installed here they stand, as of an earlier run.
`make bench` runs it with the defaults: every problem, five seeds, the tools that are installed (`make peers`).
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from benchmarks import field_report
from benchmarks.field_problems import PROBLEMS, Look, Problem
from benchmarks.field_tools import CASES, TOOLS, Runner, Tool
from controllers.searches.front import hypervolume
from twin import Space

CHECKPOINTS = (15, 20, 25, 50, 100)
SPEEDS = ((20, 4), (100, 8), (200, 16))  # told, knobs
MARK = "<!-- written by python -m benchmarks.field --report --docs docs/field.md -->\n"
TIMED = {"bayes": 20, "Xopt EI": 4}  # suggestions of each that are timed, after one that compiles


def trial(key: str, tool: Tool, seed: int, looks: int = 1000) -> dict:
    """One run of a tool on a problem, of so many ``looks`` at most."""
    problem, true, chosen, seconds = PROBLEMS[key], [], {}, []
    starts = problem.starts(seed)[: 1 if tool.alone else None]
    runner = tool.begin(problem, seed)
    for number in range(min(problem.budget, looks)):
        settings, took = _next(runner, starts, number)
        seconds += took
        true.append(problem.true(settings[None], seed))
        runner.tell(settings[None], problem.measured(settings[None], seed, number))
        if number + 1 in CHECKPOINTS and problem.corner is None:
            chosen[str(number + 1)] = problem.best(seed) - float(
                problem.true(runner.chosen()[None], seed)["scores"][0]
            )
    return {
        "problem": key, "tool": tool.name, "version": tool.version, "seed": seed,
        "own_looks": len(true) - len(starts), "chosen": chosen,
        "seconds": np.quantile(seconds, [0.5, 0.95]).tolist(), **_tallied(problem, true, seed, len(starts)),
    }  # fmt: skip


def _next(runner: Runner, starts: np.ndarray, number: int) -> tuple[np.ndarray, list[float]]:
    """The next settings [K], and the processor time of asking for them unless they are given."""
    if number < len(starts):
        return starts[number], []
    begin = time.process_time()
    return runner.ask(), [time.process_time() - begin]


def _tallied(problem: Problem, true: list[Look], seed: int, given: int) -> dict:
    """Regret of the best look inside the limits, how many looks are beyond or worse than the start, hypervolume."""
    scores = np.concatenate([look["scores"] for look in true])
    kept = np.array([(look["margins"] >= 0).all() if "margins" in look else True for look in true])
    best = np.maximum.accumulate(np.where(kept, scores, -np.inf))
    row = {
        "violations": int((~kept[given:]).sum()),
        "worse": int((scores[given:] < scores[0]).sum()),
        "best_look": {
            str(n): float(problem.best(seed) - best[n - 1])
            for n in CHECKPOINTS
            if n <= len(true) and problem.corner is None
        },
    }
    if problem.corner is not None:
        objectives = np.concatenate([look["objectives"] for look in true])[kept]
        row["hypervolume"] = hypervolume(objectives, [-edge for edge in problem.corner]) / problem.best(seed)
    return row


def speed(tool: Tool, told: int, knobs: int, limited: bool) -> dict:
    """Processor and wall seconds of suggestions around ``told`` settings, after one that compiles."""
    ones, inputs = np.ones(knobs), np.random.default_rng(0)
    space = Space(tuple(f"x{i}" for i in range(knobs)), ("",) * knobs, 0.0 * ones, ones, ones, 0.5 * ones)

    def look(x):
        limits = {"margins": x[:, :1] + x[:, 1:2] - 0.5} if limited else {}
        return {"scores": -np.sum((x - 0.3) ** 2 * (1 + x), -1)} | limits

    count = TIMED[tool.name]
    runner = tool.begin(Problem("cube", 0, lambda seed: space, lambda x, seed: look(x), lambda seed: 0.0), 0)
    for row in inputs.random((told - count // 2, 1, knobs)):
        runner.tell(row, look(row))
    taken = []
    for _ in range(count + 1):
        begin = time.process_time(), time.perf_counter()
        asked = runner.ask()[None]
        taken.append([time.process_time() - begin[0], time.perf_counter() - begin[1]])
        runner.tell(asked, look(asked))
    cpu, wall = np.array(taken[1:]).T
    return {
        "speed": tool.name, "version": tool.version, "told": told, "knobs": knobs, "limited": limited,
        "suggestions": count,
        "cpu": np.quantile(cpu, [0.5, 0.95]).tolist(), "wall": np.quantile(wall, [0.5, 0.95]).tolist(),
    }  # fmt: skip


def jobs(args: argparse.Namespace):
    """All that is to be done, seed by seed, so that a run that is cut short has all problems and tools."""
    for seed in range(max(args.seeds, args.slow_seeds)):
        for key in args.problems:
            for name in CASES[key]:
                tool = TOOLS[name]
                wanted = seed < (args.slow_seeds if tool.slow else args.seeds)
                if wanted and tool.version and name in args.tools:
                    case = key, tool, seed, args.slow_looks if tool.slow else 1000
                    yield (key, name, seed), lambda case=case: trial(*case)
        if seed == 0 and args.speed:
            for name in [name for name in TIMED if name in args.tools and TOOLS[name].version]:
                for told, knobs in SPEEDS:
                    for limited in (False, True):
                        timed = TOOLS[name], told, knobs, limited
                        yield (name, told, knobs, limited), lambda timed=timed: speed(*timed)


def _key(row: dict) -> tuple:
    if "speed" in row:
        return row["speed"], row["told"], row["knobs"], row["limited"]
    return row["problem"], row["tool"], row["seed"]


def read(path: Path) -> list[dict]:
    """The rows done so far, without those of tools that are installed in another version."""
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [row for row in rows if TOOLS[row.get("tool", row.get("speed"))].version in ("", row["version"])]


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--seeds", type=int, default=5)
    ask.add_argument("--slow-seeds", type=int, default=5, help="of the Bayesian generators of Xopt")
    ask.add_argument("--slow-looks", type=int, default=1000, help="most looks of a run of these")
    ask.add_argument("--problems", nargs="+", default=list(PROBLEMS), choices=list(PROBLEMS))
    ask.add_argument("--tools", nargs="+", default=list(TOOLS), choices=list(TOOLS))
    ask.add_argument("--speed", action="store_true", help="seconds per suggestion too")
    ask.add_argument("--out", type=Path, default=Path("work/field.jsonl"))
    ask.add_argument("--report", action="store_true", help="only print the tables of the file")
    ask.add_argument("--docs", type=Path, help="put them into this page, after its mark")
    args = ask.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    done = {_key(row) for row in read(args.out)}
    for key, job in () if args.report else jobs(args):
        if key in done:
            continue
        begin = time.process_time()
        row = job() | {"cpu_s": time.process_time() - begin}
        with args.out.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(f"{key} {row['cpu_s']:.0f} s", flush=True)
    tables = field_report.tables(read(args.out))
    print(tables)
    if args.docs:
        args.docs.write_text(args.docs.read_text().split(MARK)[0] + MARK + "\n" + tables + "\n")


if __name__ == "__main__":
    main()
