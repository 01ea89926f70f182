"""Figures of interleaved runs: ratios within each round, then their median and spread."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """A median with the middle half of what was measured around it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least two values."""
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)

    def rounded(self) -> "Spread":
        """To three digits after the point, which is more than can be known."""
        return Spread(round(self.median, 3), round(self.low, 3), round(self.high, 3))

    def show(self, digits: int = 0) -> str:
        """As text, such as `412 (405 to 420)`."""
        return f"{self.median:,.{digits}f} ({self.low:,.{digits}f} to {self.high:,.{digits}f})"


def ratios(values: Sequence[float], baseline: Sequence[float]) -> Spread:
    """Of what was measured to what was measured beside it in the same round."""
    return Spread.of([value / beside for value, beside in zip(values, baseline, strict=True)])
