"""Tossed coins: the chances that are neither lives nor repairs, each from its own row of the draws."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twin.reference.run import Run


class BernoulliStreams:
    """The uniform draws that ``Facility.bernoulli_streams`` names; its n-th use takes the n-th draw of a row."""

    def __init__(self, run: "Run"):
        self.run, self.used = run, {}
        self.rows = dict(zip(run.plant.facility.bernoulli_streams, run.draws.coin, strict=True))

    def uniform(self, name: str) -> float:
        """The next uniform draw of a coin; the last one stands in once they are used up."""
        row, n = self.rows[name], self.used.get(name, 0)
        self.used[name] = n + 1
        if n >= len(row):
            self.run.exhausted = True
        return float(row[min(n, len(row) - 1)])

    def draw(self, name: str, n: int) -> float:
        """The n-th draw of a coin, whoever tossed it before."""
        row = self.rows[name]
        self.run.exhausted |= n >= len(row)
        return float(row[min(n, len(row) - 1)])

    def occurs(self, name: str, chance: float) -> bool:
        """Does what has this chance happen? A chance of 0 or 1 takes no draw."""
        if chance in (0.0, 1.0):
            return chance == 1.0
        return self.uniform(name) < chance
