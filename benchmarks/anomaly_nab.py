"""NAB's scoring rules on its tweet counts: our score of counts beside a windowed Gaussian and a fixed rule.

Scores, thresholds and the sigmoid follow NAB's own scorer (Lavin & Ahmad 2015, arXiv:1510.03336), standard
profile: a detection early in a window counts nearly 1, one late in it less, each false alarm costs up to
.11, each window missed 1; 0 is a detector that says nothing, 100 a perfect one. As NAB does, each detector
gets the one threshold that is best over all files. No point adjustment.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from scipy.special import erfc

from fusion_model.advice.measures import upper_tail
from fusion_model.dataset.panel import FloatArray

PROBATION = 0.15  # share of a file, of at most 5000 records
FALSE_ALARM, MISSED = 0.11, 1.0
BIN_DAY = 288  # five-minute counts of a day
COOL_DOWN = BIN_DAY  # after an alert


@dataclass(frozen=True)
class Counts:
    """One file: counts, labelled windows as (first, last) positions, and where probation ends."""

    name: str
    values: FloatArray
    windows: tuple[tuple[int, int], ...]
    probation: int


def nab(folder: Path) -> None:
    """Print NAB's score, windows found and false alarms of each detector."""
    if not folder.is_dir():
        raise SystemExit(f"there is no folder {folder}; give the one with NAB's tweet counts")
    files = read_counts(folder)
    total = sum(len(counts.windows) for counts in files)
    print(f"{len(files)} files, {sum(len(c.values) for c in files):,} counts, {total} windows\n")
    print("| detector | NAB score | windows found | false alarms | mean place in the window |")
    print("|---|---:|---:|---:|---:|")
    for name, detect in DETECTORS.items():
        scores = [detect(counts.values) for counts in files]
        for rest, told in ((0, name), (COOL_DOWN, f"{name}, quiet for a day after each alert")):
            print(best_line(told, files, scores, rest))


def read_counts(folder: Path) -> list[Counts]:
    labelled = json.loads((folder / "windows.json").read_text("utf-8"))
    files = []
    for path in sorted(folder.glob("*.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            rows = [line.strip().split(",") for line in lines][1:]
        at = [datetime.fromisoformat(row[0]) for row in rows]
        windows = []
        for first, last in labelled[path.name.removesuffix(".gz")]:
            inside = [
                k for k, moment in enumerate(at)
                if datetime.fromisoformat(first) <= moment <= datetime.fromisoformat(last)
            ]  # fmt: skip
            windows.append((inside[0], inside[-1]))
        values = np.array([float(row[1]) for row in rows])
        probation = math.floor(PROBATION * min(len(values), 5000))
        files.append(Counts(path.name, values, tuple(windows), probation))
    return files


# Detectors: (T,) counts -> (T,) scores, larger is stranger, nothing of the future -----------------


def our_count_score(values: FloatArray) -> FloatArray:
    """As fusion_model.advice.measures has it for posts a session: ln(1 + n) against habit, its tail counted.

    The habit is a day, the usual deviation a week's; -log of the probability among all scores before.
    """
    size = np.log1p(values)
    deviation = size - mean_before(size, BIN_DAY)
    scale = np.sqrt(np.maximum(mean_before(np.nan_to_num(deviation) ** 2, 7 * BIN_DAY), 0.04))
    standard = deviation / scale
    found = np.zeros(len(values))
    for start in range(BIN_DAY + 25, len(values), 50):
        past = standard[:start]
        stop = min(start + 50, len(values))
        found[start:stop] = -np.log(upper_tail(past[np.isfinite(past)], standard[start:stop]))
    return found


def our_hourly_score(values: FloatArray) -> FloatArray:
    """The same on the sum of the last hour: a burst of one bin is none."""
    total = np.cumsum(np.concatenate([[0.0], values]))
    hour = total[1:] - total[np.maximum(np.arange(len(values)) - 11, 0)]
    return our_count_score(hour)


def windowed_gaussian(values: FloatArray) -> FloatArray:
    """NAB's detector of that name: 1 - Q under the normal of the last 6400 values, renewed every 100."""
    found = np.zeros(len(values))
    window, step = 6400, 100
    past: list[float] = []
    waiting: list[float] = []
    mean, deviation = 0.0, 1.0
    for k, value in enumerate(values):
        if past:
            found[k] = 1.0 - 0.5 * erfc(abs(value - mean) / deviation / math.sqrt(2.0))
        if len(past) < window:
            past.append(value)
            mean, deviation = float(np.mean(past)), max(float(np.std(past)), 1e-6)
        else:
            waiting.append(value)
            if len(waiting) == step:
                past, waiting = past[step:] + waiting, []
                mean, deviation = float(np.mean(past)), max(float(np.std(past)), 1e-6)
    return found


def z_score(values: FloatArray) -> FloatArray:
    """A fixed rule: the count in units of the deviation of all counts before."""
    mean = np.cumsum(values) / np.arange(1, len(values) + 1)
    square = np.cumsum(values**2) / np.arange(1, len(values) + 1)
    deviation = np.sqrt(np.maximum(square - mean**2, 1e-12))
    found = np.zeros(len(values))
    found[1:] = (values[1:] - mean[:-1]) / deviation[:-1]
    return found


DETECTORS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "ours, each five minutes": our_count_score,
    "ours, the last hour": our_hourly_score,
    "windowed Gaussian": windowed_gaussian,
    "z-score": z_score,
}


def mean_before(values: FloatArray, span: int) -> FloatArray:
    total = np.cumsum(np.concatenate([[0.0], np.nan_to_num(values)]))
    first = np.maximum(np.arange(len(values)) - span, 0)
    count = np.arange(len(values)) - first
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count >= min(span, BIN_DAY), (total[:-1] - total[first]) / count, np.nan)


# NAB's scorer -------------------------------------------------------------------------------------


def best_line(name: str, files: Sequence[Counts], scores: Sequence[FloatArray], rest: int) -> str:
    """Return the row of a detector at the threshold that is best for it."""
    pooled = np.unique(np.concatenate(scores))
    tried = np.unique(np.quantile(pooled, 1.0 - np.geomspace(1e-5, 0.2, 120)))
    best = max((corpus_score(files, scores, threshold, rest) for threshold in tried), key=lambda one: one[0])
    score, found, false, place = best
    total = sum(len(counts.windows) for counts in files)
    return f"| {name} | {score:.1f} | {found} of {total} | {false} | {place:.2f} |"


def corpus_score(
    files: Sequence[Counts], scores: Sequence[FloatArray], threshold: float, rest: int
) -> tuple[float, int, int, float]:
    """Return the normalised score, windows found, false alarms, and how far into them windows were found."""
    raw, found, false, places = 0.0, 0, 0, []
    total = sum(len(counts.windows) for counts in files)
    for counts, score in zip(files, scores, strict=True):
        alerts = quiet_after(np.flatnonzero(score >= threshold), rest)
        alerts = alerts[alerts >= counts.probation]
        for first, last in counts.windows:
            inside = alerts[(alerts >= first) & (alerts <= last)]
            if len(inside):
                place = -(last - inside[0] + 1) / (last - first + 1)
                raw += sigmoid(place) / sigmoid(-1.0)
                found += 1
                places.append(1.0 + place)
            else:
                raw -= MISSED
        for at in alerts:
            if any(first <= at <= last for first, last in counts.windows):
                continue
            before = [window for window in counts.windows if window[1] < at]
            past = (at - before[-1][1]) / max(before[-1][1] - before[-1][0], 1) if before else math.inf
            raw += FALSE_ALARM * (sigmoid(past) if past < math.inf else -1.0)
            false += 1
    null, perfect = -MISSED * total, float(total)
    return (
        100.0 * (raw - null) / (perfect - null),
        found,
        false,
        float(np.mean(places)) if places else math.nan,
    )


def sigmoid(position: float) -> float:
    """NAB's: near 1 early in a window, 0 at its end, -1 far behind it."""
    return -1.0 if position > 3.0 else 2.0 / (1.0 + math.exp(5.0 * position)) - 1.0


def quiet_after(alerts: np.ndarray, rest: int) -> np.ndarray:
    if not rest:
        return alerts
    kept: list[int] = []
    for at in alerts:
        if not kept or at - kept[-1] >= rest:
            kept.append(int(at))
    return np.array(kept, dtype=int)
