"""Fit the three constants of the compact scorer on labelled headlines, and say what it reaches.

python scripts/fit_compact_scorer.py ../shared/data/sentiment/sentfin_headlines.csv
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from collectors.sentiment.compact import CompactScorer, ordered_logit
from collectors.sentiment.scorer import LABELS, FloatArray
from collectors.sentiment.texts import plain_text

FOLDS = 5
SEED = 7


def main(path: Path) -> None:
    texts, labels = read_headlines(path)
    folds = np.random.default_rng(SEED).permutation(len(texts)) % FOLDS
    scorer, vader = CompactScorer(), SentimentIntensityAnalyzer()
    ours = np.array([scorer.compounds(text)[0].mean() for text in texts])
    plain = np.array([vader.polarity_scores(text)["compound"] for text in texts])

    print(f"{len(texts)} headlines, {FOLDS} folds, seed {SEED}")
    shares = np.bincount(labels, minlength=3) / len(labels)
    print(f"always the class shares        log loss {-(shares * np.log(shares)).sum():.4f}")
    thresholded = np.where(plain >= 0.05, 0, np.where(plain <= -0.05, 2, 1))
    print(f"VADER, its own thresholds .05  macro-F1 {macro_f1(labels, thresholded):.4f}")
    for name, compound in (("VADER, fitted map", plain), ("with the finance lexicon", ours)):
        scores = cross_validate(compound, labels, folds)
        loss = -np.log(scores[np.arange(len(labels)), labels]).mean()
        f1 = macro_f1(labels, scores.argmax(axis=1))
        print(f"{name:30s} macro-F1 {f1:.4f}  log loss {loss:.4f}")
    slope, positive_from, negative_from = fit(ours, labels)
    print(f"SLOPE = {slope:.4f}\nPOSITIVE_FROM = {positive_from:.4f}\nNEGATIVE_FROM = {negative_from:.4f}")


def read_headlines(path: Path) -> tuple[list[str], np.ndarray]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [plain_text(row["text"]) for row in rows], np.array([LABELS.index(row["label"]) for row in rows])


def cross_validate(compound: FloatArray, labels: np.ndarray, folds: np.ndarray) -> FloatArray:
    """Return (n, 3), each row by constants that were fitted without its fold."""
    scores = np.empty((len(labels), 3))
    for fold in range(FOLDS):
        held_out = folds == fold
        scores[held_out] = ordered_logit(compound[held_out], *fit(compound[~held_out], labels[~held_out]))
    return scores


def fit(compound: FloatArray, labels: np.ndarray) -> tuple[float, float, float]:
    """Return slope and the two thresholds of greatest likelihood."""

    def loss(parameters: FloatArray) -> float:
        scores = ordered_logit(compound, *parameters)[np.arange(len(labels)), labels]
        return float(-np.log(np.clip(scores, 1e-9, None)).mean())

    slope, positive_from, negative_from = minimize(loss, [3.0, 1.0, 1.0], method="Nelder-Mead").x
    return float(slope), float(positive_from), float(negative_from)


def macro_f1(labels: np.ndarray, predicted: np.ndarray) -> float:
    def f1(label: int) -> float:
        hits = ((labels == label) & (predicted == label)).sum()
        return float(2 * hits / max(1, (labels == label).sum() + (predicted == label).sum()))

    mean: Callable[[list[float]], np.floating] = np.mean
    return float(mean([f1(label) for label in range(3)]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
