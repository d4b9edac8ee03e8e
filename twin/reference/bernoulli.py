"""Bernoulli streams: random numbers of events other than failures and repairs, one row of the random inputs each."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twin.reference.run import Run


class BernoulliStreams:
    """The streams of ``Facility.bernoulli_streams``; the n-th use of a stream takes the n-th number of its row."""

    def __init__(self, run: "Run"):
        self.run, self.used = run, {}
        self.rows = dict(zip(run.plant.facility.bernoulli_streams, run.draws.coin, strict=True))

    def uniform(self, name: str) -> float:
        """The next uniform number of a stream; the last one is used again when the row is exhausted."""
        row, n = self.rows[name], self.used.get(name, 0)
        self.used[name] = n + 1
        if n >= len(row):
            self.run.exhausted = True
        return float(row[min(n, len(row) - 1)])

    def draw(self, name: str, n: int) -> float:
        """The n-th number of a stream, whatever was used before."""
        row = self.rows[name]
        self.run.exhausted |= n >= len(row)
        return float(row[min(n, len(row) - 1)])

    def occurs(self, name: str, probability: float) -> bool:
        """True if an event of this probability occurs. A probability of 0 or 1 uses no random number."""
        if probability in (0.0, 1.0):
            return probability == 1.0
        return self.uniform(name) < probability
