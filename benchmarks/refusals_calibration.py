"""How sure an answer may be: shares of right answers by what speaks for the answer, and by its weight.

Fits the curves of advice/refusals.yaml (`calibration`) to texts at first sight. These are few, so every point is
drawn towards a curve that holds for all kinds, which is itself scaled to the share of right answers. How honest that
is, is judged on sources that the curves were not fitted to.
"""

import hashlib
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

BINS = 10
FOLDS = 2
WIDTH = 0.1  # texts whose weight is as near as this say something of a point
AS_ALL = 12.0  # the curve of all kinds counts as this many texts
SUREST = 0.98
WEIGHTS = (0.3, 0.42, 0.52, 0.62, 0.7, 0.78, 0.86, 0.95)
COMMON = ((0.3, 0.3), (0.42, 0.4), (0.52, 0.55), (0.62, 0.75), (0.7, 0.82), (0.78, 0.9), (0.95, 0.94))
# Where a kind of answer is not as the common curve, before anything is fitted
SETTLED = {"success": 0.93, "nothing": 0.7, "unsure": 0.65}
GUESSED = {"similar": ((0.25, 0.35), (0.6, 0.7))}
RIVAL = ((0.0, 0.05), (0.15, 0.0))

Curve = Sequence[Sequence[float]]


class Observed(NamedTuple):
    """One answer: what spoke for it, how strongly, and whether it was right."""

    kind: str
    weight: float
    confidence: float
    right: bool
    source: str


def at(curve: Curve, weight: float) -> float:
    """The curve's value, between its points on a line."""
    below = curve[0]
    for point in curve:
        if weight <= point[0]:
            width = point[0] - below[0]
            return point[1] if not width else below[1] + (point[1] - below[1]) * (weight - below[0]) / width
        below = point
    return below[1]


def fit(observed: Sequence[Observed], kinds: Iterable[str]) -> dict[str, list[list[float]]]:
    """The section `calibration` that fits what was observed."""
    expected = statistics.fmean(_common(one.kind, one.weight) for one in observed)
    scale = statistics.fmean(one.right for one in observed) / expected
    curves: dict[str, list[list[float]]] = {}
    for kind in kinds:
        own = [one for one in observed if one.kind == kind]
        if kind == "rival":
            curves[kind] = [list(point) for point in RIVAL]
        elif kind in GUESSED:
            curves[kind] = [list(point) for point in GUESSED[kind]]
        elif kind in SETTLED:
            curves[kind] = [[1.0, _drawn(SETTLED[kind], [(one.right, 1.0) for one in own])]]
        else:
            curves[kind] = _fit_curve(own, scale)
    return curves


def _common(kind: str, weight: float) -> float:
    return SETTLED.get(kind) or at(GUESSED.get(kind, COMMON), weight)


def _fit_curve(own: Sequence[Observed], scale: float) -> list[list[float]]:
    curve: list[list[float]] = []
    for weight in WEIGHTS:
        near = [(one.right, 1 - abs(one.weight - weight) / WIDTH) for one in own if abs(one.weight - weight) < WIDTH]
        common = at(COMMON, weight)
        share = _drawn(common * scale if weight >= WEIGHTS[2] else common, near)
        curve.append([weight, max(share, curve[-1][1] if curve else 0.0)])
    return curve


def _drawn(prior: float, seen: Sequence[tuple[bool, float]]) -> float:
    right = sum(share for was_right, share in seen if was_right)
    drawn = (AS_ALL * prior + right) / (AS_ALL + sum(share for _, share in seen))
    return round(min(SUREST, drawn), 3)


def error(told: Iterable[tuple[float, bool]]) -> float:
    """Expected calibration error over ten bins of confidence (Guo et al., 2017)."""
    bins: defaultdict[int, list[tuple[float, bool]]] = defaultdict(list)
    for sure, right in told:
        bins[min(BINS - 1, int(sure * BINS))].append((sure, right))
    gaps = (
        len(one) * abs(statistics.fmean(sure for sure, _ in one) - statistics.fmean(right for _, right in one))
        for one in bins.values()
    )
    return sum(gaps) / sum(map(len, bins.values()))


def cross_fitted(observed: Sequence[Observed], kinds: Sequence[str]) -> float:
    """The calibration error where each half of the sources is judged by curves fitted to the other half."""
    told: list[tuple[float, bool]] = []
    for fold in range(FOLDS):
        curves = fit([one for one in observed if _fold(one) != fold], kinds)
        told += [(sure(one, curves), one.right) for one in observed if _fold(one) == fold]
    return error(told)


def sure(one: Observed, curves: Mapping[str, Curve]) -> float:
    return at(curves.get(one.kind, curves["phrase"]), one.weight)


def _fold(one: Observed) -> int:
    """All texts of a source are in one fold."""
    return hashlib.sha256(one.source.encode()).digest()[0] % FOLDS
