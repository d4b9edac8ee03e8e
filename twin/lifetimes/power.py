"""Power laws, H(a) = hazard * a**shape: closed forms for floats, numpy and JAX, and the base class of such laws."""

from twin.lifetimes.law import NEVER, LifeLaw


def ageing(age_h, hazard, shape):
    """Cumulative hazard at an age, [-]: H(a) = hazard * a**shape (exponential: shape 1)."""
    return hazard * age_h**shape


def time_to_spend(age_h, left, hazard, shape):
    """Hours t until an ageing budget ``left`` is spent from ``age_h`` on: H(a + t) - H(a) = left.

    t = (a**k + left / hazard)**(1/k) - a, the closed form for a Weibull hazard of shape k.
    """
    return (age_h**shape + left / hazard) ** (1.0 / shape) - age_h


class PowerLaw(LifeLaw):
    """A law with H(a) = hazard * a**power. With minimal repair the failures are a power-law process."""

    @property
    def power(self) -> float:
        """The shape k."""
        raise NotImplementedError

    def spent(self, age_h: float) -> float:
        try:
            return ageing(age_h, self.hazard, self.power)
        except OverflowError:
            return NEVER

    def age_at(self, spent: float) -> float:
        try:
            return time_to_spend(0.0, spent, self.hazard, self.power)
        except OverflowError:
            return NEVER

    def spending(self, age_h: float, older_h: float, hazard: float) -> float:
        return ageing(older_h, hazard, self.power) - ageing(age_h, hazard, self.power)

    def hours_left(self, age_h: float, left: float, hazard: float) -> float:
        if hazard == 0.0:
            return NEVER
        return max(time_to_spend(age_h, max(left, 0.0), hazard, self.power), 0.0)
