"""How fast other simulators are on two reliability models, side by side in one run on one core.

SimPy is a dependency of the project; the others are not, and a peer that is absent is named as not installed.
To compare with all, give them an environment of their own, made in the root of the repository::

    python3 -m venv work/peers
    work/peers/bin/pip install numpy scipy simpy rich cimba numba salabim
    work/peers/bin/python benchmarks/peers.py

Fairness: the same model and the same two figures of each year from each (``peers_models.py``), every year from
all units up. A full run before the clock starts, so that nothing compiles in it; then rounds over all peers in
turn, so that a slow minute of the machine falls on all, and the least time of each counts. One core, and seconds
of processor time, so that other work on the machine does not count. A garbage collector that does not walk
through what the other peers imported, which cost SimPy a quarter of its speed. What is timed is the whole call:
building the model, drawing, simulating, and collecting the figures.
"""

import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module, metadata

import numpy as np
from peers_models import EXACT
from peers_simpy import bare_timeouts
from rich.console import Console
from rich.table import Table

TITLES = {
    "series": "200 units in series, MTBF 8760 h, repair 10 h, one year a run",
    "machines": "50 units, 3 repairmen, MTBF 100 h, repair 5 h, one year a run",
}


@dataclass(frozen=True)
class Peer:
    """A simulator of one model; ``years`` is about a second's work, ``needs`` the distribution that it needs."""

    name: str
    model: str
    needs: str
    years: int
    simulate: Callable[[int, int], tuple[np.ndarray, np.ndarray]]

    @property
    def version(self) -> str | None:
        """The installed version, None where it is not installed."""
        try:
            return metadata.version(self.needs)
        except metadata.PackageNotFoundError:
            return None

    def run(self, years: int, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
        """Simulate: (availability, failures) of each year, ``(years,)``, and the processor seconds it took."""
        began = time.process_time()
        availability, failures = self.simulate(years, seed)
        return availability, failures, time.process_time() - began


def on_call(module: str, function: str) -> Callable[[int, int], tuple[np.ndarray, np.ndarray]]:
    """The function, its module imported at the first call: peers that are absent break nothing."""
    return lambda years, seed: getattr(import_module(module), function)(years, seed)


PEERS = [
    Peer("SimPy, a process a unit", "series", "simpy", 600, on_call("peers_simpy", "series")),
    Peer("salabim, a component a unit", "series", "salabim", 120, on_call("peers_salabim", "series")),
    Peer("cimba, a process a unit", "series", "cimba", 8_000, on_call("peers_cimba", "series_processes")),
    Peer("cimba, bare events", "series", "cimba", 16_000, on_call("peers_cimba", "series_events")),
    Peer("numba event heap", "series", "numba", 25_000, on_call("peers_numba", "series")),
    Peer("beamtwin reference", "series", "beamtwin", 60, on_call("peers_beamtwin", "reference_series")),
    Peer(
        "beamtwin reference, like units",
        "series",
        "beamtwin",
        60,
        on_call("peers_beamtwin", "reference_like"),
    ),
    Peer("beamtwin batched", "series", "beamtwin", 2_048, on_call("peers_beamtwin", "batched_series")),
    Peer(
        "beamtwin batched, like units", "series", "beamtwin", 4_096, on_call("peers_beamtwin", "batched_like")
    ),
    Peer("SimPy, a process a unit", "machines", "simpy", 25, on_call("peers_simpy", "machines")),
    Peer("salabim, a component a unit", "machines", "salabim", 6, on_call("peers_salabim", "machines")),
    Peer("cimba, a process a unit", "machines", "cimba", 400, on_call("peers_cimba", "machines_processes")),
    Peer("cimba, bare events", "machines", "cimba", 1_400, on_call("peers_cimba", "machines_events")),
    Peer("numba event heap", "machines", "numba", 1_400, on_call("peers_numba", "machines")),
    Peer("beamtwin reference", "machines", "beamtwin", 4, on_call("peers_beamtwin", "reference_machines")),
    Peer("beamtwin batched", "machines", "beamtwin", 256, on_call("peers_beamtwin", "batched_machines")),
]


@dataclass(frozen=True)
class Score:
    """What one peer did: its best pace, and over all rounds the mean of each figure with its standard error."""

    years_per_s: float
    availability: tuple[float, float]
    failures: tuple[float, float]


def pin() -> int | None:
    """Bind this process, and the threads it will start, to one core; None where the system cannot.

    Call it before JAX or numba start their threads: JAX makes one a core that it may use.
    """
    if not hasattr(os, "sched_setaffinity"):
        return None
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


@contextmanager
def frozen_memory() -> Iterator[None]:
    """Keep the garbage collector to what is made inside: pure Python peers make much, and would pay for all."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def mean_and_error(yearly: list[np.ndarray]) -> tuple[float, float]:
    """The mean over all years of all rounds and its standard error."""
    values = np.concatenate(yearly)
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def compare(peers: Sequence[Peer], rounds: int = 3) -> list[Score]:
    """Race peers in turn, after one run of each that counts for nothing. Seed 0 warms up, round k has seed k."""
    for peer in peers:
        peer.run(peer.years, seed=0)
    with frozen_memory():
        runs = [[peer.run(peer.years, seed) for peer in peers] for seed in range(1, rounds + 1)]
    scores = []
    for peer, results in zip(peers, zip(*runs, strict=True), strict=True):
        availability, failures, seconds = zip(*results, strict=True)
        pace = peer.years / min(seconds)
        scores.append(Score(pace, mean_and_error(availability), mean_and_error(failures)))
    return scores


def shown(figure: tuple[float, float], exact: float, digits: int) -> list[str]:
    """A figure with its standard error, and how many of these it lies off the exact value."""
    mean, error = figure
    return [f"{mean:.{digits}f} ± {error:.{digits}f}", f"{(mean - exact) / error:+.1f}"]


def table(model: str, peers: Sequence[Peer], scores: Sequence[Score], absent: Sequence[Peer] = ()) -> Table:
    """The table of one model: the first peer is the one that the others are held against."""
    exact = EXACT[model]
    title = (
        f"{TITLES[model]}\nexact: availability {exact.availability:.5f}, failures {exact.failures:.2f} a year"
    )
    view = Table(title=title, title_justify="left")
    view.add_column("simulator", no_wrap=True)
    for column in ("version", "years/s", "transitions/s", "ratio", "availability", "off", "failures", "off"):
        view.add_column(column, justify="right", no_wrap=True)
    for peer, score in zip(peers, scores, strict=True):
        view.add_row(
            peer.name,
            peer.version,
            f"{score.years_per_s:,.0f}",
            f"{score.years_per_s * exact.transitions:,.0f}",
            f"{score.years_per_s / scores[0].years_per_s:.2f}",
            *shown(score.availability, exact.availability, 5),
            *shown(score.failures, exact.failures, 2),
        )
    for peer in absent:
        view.add_row(peer.name, "not installed")
    return view


def main() -> None:
    core = pin()
    console = Console(width=140)
    for model in TITLES:
        peers = [peer for peer in PEERS if peer.model == model]
        present = [peer for peer in peers if peer.version]
        absent = [peer for peer in peers if not peer.version]
        console.print(table(model, present, compare(present), absent))
    console.print(
        "ratio: to the first line. off: standard errors from the exact value. A transition is a failure"
    )
    console.print("or a repair of a unit, counted by its exact mean a year.")
    console.print("one core" if core is not None else "this system cannot bind a process to one core")
    for processes in (1, 200):
        with frozen_memory():
            pace = max(bare_timeouts(processes) for _ in range(3))
        console.print(f"bare SimPy loop, {processes} process{'es' * (processes > 1)}: {pace:,.0f} timeouts/s")


if __name__ == "__main__":
    main()
