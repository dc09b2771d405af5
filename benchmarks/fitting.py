"""A straight line through measured times."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fit:
    """`slope` is in round trips, `intercept` in milliseconds: what does not depend on the distance."""

    slope: float
    intercept: float


def fit(times: Mapping[float, Sequence[float]]) -> Fit:
    """Least squares over the quickest of each distance, since what else the machine does only adds.

    `times` are round trip in seconds -> durations in seconds.
    """
    points = {trip: min(durations) for trip, durations in times.items()}
    slope, intercept = statistics.linear_regression(list(points), list(points.values()))
    return Fit(slope, intercept * 1000)
