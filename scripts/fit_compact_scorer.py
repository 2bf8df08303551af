"""Fit the compact scorer on labelled headlines, write its weights, and say what it reaches on unseen ones.

python scripts/fit_compact_scorer.py ../shared/data/sentiment/sentfin_headlines.csv
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.sparse import csr_matrix

from collectors.sentiment import compact
from collectors.sentiment.compact import WEIGHTS_FILE, CompactScorer, Weights
from collectors.sentiment.lexicon import load_lexicon
from collectors.sentiment.scorer import LABELS, UNCERTAIN_BELOW, FloatArray
from collectors.sentiment.texts import plain_text
from collectors.sentiment.tokens import TokenRows, Vocabulary, token_hash

ROOT = Path(__file__).resolve().parents[1]
DIAGRAM = ROOT / "docs" / "reliability.svg"
FOLDS = 5
SEED = 7
# Features of a single headline are not learned. Penalties of 1 to 3 and shares of .85 to 1 gave an F1 of
# .823 to .826 on these folds; the lexicon's share is for texts with words that no headline had.
FEWEST_HEADLINES = 2
PENALTY, LEXICAL_PENALTY = 1.5, 0.1
LINEAR_SHARE = 0.8
BINS = 10
WORST = 10


def main(path: Path) -> None:
    texts, labels = read_headlines(path)
    folds = assign_folds(texts)
    held_out, single = np.empty((len(texts), 3)), np.empty((2, len(texts), 3))
    for fold in range(FOLDS):
        test = folds == fold
        weights = fit([text for text, out in zip(texts, test, strict=True) if not out], labels[~test])
        single[:, test], held_out[test] = scores(weights, [texts[k] for k in np.flatnonzero(test)])
    temperature = best_temperature(held_out, labels)
    tempered = compact.softmax(np.log(held_out) / temperature)

    print(f"{len(texts)} headlines, {FOLDS} folds, seed {SEED}, each scored by weights that never saw it")
    shares = np.bincount(labels, minlength=3) / len(labels)
    print(f"{'always the class shares':24s} log loss {-(shares * np.log(shares)).sum():.4f}")
    for name, answer in (
        ("lexicon", single[1]),
        ("linear model", single[0]),
        ("both", held_out),
        (f"both, temperature {temperature:.3f}", tempered),
    ):
        f1 = macro_f1(labels, answer.argmax(axis=1))
        print(f"{name:24s} macro-F1 {f1:.4f}  log loss {log_loss(answer, labels):.4f}")
    report_uncertain(tempered, labels)
    DIAGRAM.write_text(diagram(reliability(tempered, labels)), "utf-8")
    report_worst(texts, labels, tempered)

    weights = fit(texts, labels, temperature)
    target = ROOT / "resources" / WEIGHTS_FILE
    save(target, weights)
    print(f"{target.relative_to(ROOT)}: {len(weights.hashes)} features, {target.stat().st_size} bytes")


def read_headlines(path: Path) -> tuple[list[str], np.ndarray]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [plain_text(row["text"]) for row in rows], np.array([LABELS.index(row["label"]) for row in rows])


def assign_folds(texts: list[str]) -> np.ndarray:
    """Return a fold for each text; the same headline, said of two companies, stays in one."""
    folds = np.random.default_rng(SEED).permutation(len(texts)) % FOLDS
    first = {text.lower(): fold for text, fold in zip(reversed(texts), reversed(folds), strict=True)}
    return np.array([first[text.lower()] for text in texts])


def fit(texts: list[str], labels: np.ndarray, temperature: float = 1.0) -> Weights:
    """Return weights as they are stored: those of words rounded to a byte."""
    rows = token_rows(texts)
    features, counts = feature_matrix(rows, len(texts))
    compound = compact.compounds(rows)
    linear, lexical = softmax_regression(counts, compact.lexical_features(compound), labels)
    steps = np.abs(linear).max(axis=0) / 127
    return Weights(
        features,
        np.rint(linear / steps).astype(np.int8),
        steps,
        lexical,
        fit_ordered_logit(compound, labels),
        LINEAR_SHARE,
        temperature,
    )


def token_rows(texts: list[str]) -> TokenRows:
    vocabulary = Vocabulary(load_lexicon())
    return vocabulary.rows([vocabulary.split(text) for text in texts])


def feature_matrix(rows: TokenRows, n: int) -> tuple[np.ndarray, Any]:
    """Return the hashes of words and pairs that enough headlines have, and how often each has them."""
    inside = rows.text < n
    words = inside & (rows.hashes != token_hash(""))
    hashes = np.concatenate([rows.hashes[words], compact.pair_hashes(rows)[inside]])
    owners = np.concatenate([rows.text[words], rows.text[inside]])
    features, columns = np.unique(hashes, return_inverse=True)
    counts = csr_matrix((np.ones(len(owners)), (owners, columns)), shape=(n, len(features)))
    often = np.flatnonzero(np.asarray((counts > 0).sum(axis=0)).ravel() >= FEWEST_HEADLINES)
    return features[often], counts[:, often]


def softmax_regression(counts: Any, lexical: FloatArray, labels: np.ndarray) -> tuple[FloatArray, FloatArray]:
    """Return (K, 3) and (4, 3): the least penalised log loss, by L-BFGS."""
    n, K = counts.shape
    truth = np.eye(3)[labels]
    penalties = np.repeat([PENALTY, LEXICAL_PENALTY], [K, lexical.shape[1]])[:, None]

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        weights = flat.reshape(-1, 3)
        shares = compact.softmax(counts @ weights[:K] + lexical @ weights[K:])
        error = shares - truth
        slope = np.concatenate([counts.T @ error, lexical.T @ error]) + penalties * weights
        value = -np.log(shares[np.arange(n), labels]).sum() + 0.5 * (penalties * weights**2).sum()
        return value, slope.ravel()

    start = np.zeros((K + lexical.shape[1]) * 3)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x.reshape(-1, 3)
    return found[:K], found[K:]


def fit_ordered_logit(compound: FloatArray, labels: np.ndarray) -> FloatArray:
    """Return slope and the two thresholds of greatest likelihood."""

    def loss(parameters: FloatArray) -> float:
        return log_loss(np.clip(compact.ordered_logit(compound, *parameters), 1e-9, None), labels)

    return np.array(minimize(loss, [3.0, 1.0, 1.0], method="Nelder-Mead").x)


def scores(weights: Weights, texts: list[str]) -> tuple[tuple[FloatArray, FloatArray], FloatArray]:
    """Return the linear model's and the lexicon's probabilities, and those of the scorer itself."""
    return compact.both_parts(token_rows(texts), weights), CompactScorer(weights).score(texts)


def best_temperature(answer: FloatArray, labels: np.ndarray) -> float:
    def loss(temperature: float) -> float:
        return log_loss(compact.softmax(np.log(answer) / temperature), labels)

    return float(minimize_scalar(loss, bounds=(0.3, 3.0), method="bounded").x)


def log_loss(answer: FloatArray, labels: np.ndarray) -> float:
    return float(-np.log(answer[np.arange(len(labels)), labels]).mean())


def macro_f1(labels: np.ndarray, predicted: np.ndarray) -> float:
    def f1(label: int) -> float:
        hits = ((labels == label) & (predicted == label)).sum()
        return float(2 * hits / max(1, (labels == label).sum() + (predicted == label).sum()))

    return float(np.mean([f1(label) for label in range(3)]))


def report_uncertain(answer: FloatArray, labels: np.ndarray) -> None:
    unsure = answer.max(axis=1) < UNCERTAIN_BELOW
    right = answer.argmax(axis=1) == labels
    print(
        f"uncertain (no label at {UNCERTAIN_BELOW}): {unsure.mean():.1%} of headlines, likeliest label "
        f"right in {right[unsure].mean():.1%} of them, in {right[~unsure].mean():.1%} of the others"
    )


def reliability(answer: FloatArray, labels: np.ndarray) -> list[list[tuple[float, float, int]]]:
    """Return for each label, by tenths of the scale: mean probability, share with the label, texts."""
    curves = []
    for label, name in enumerate(LABELS):
        bins = np.minimum((answer[:, label] * BINS).astype(int), BINS - 1)
        curve = [
            (float(answer[rows, label].mean()), float((labels[rows] == label).mean()), int(rows.sum()))
            for rows in (bins == number for number in range(BINS))
            if rows.any()
        ]
        gap = sum(abs(said - true) * count for said, true, count in curve) / len(labels)
        print(f"reliability of {name:9s}" + "".join(f" {said:.2f}:{true:.2f}" for said, true, _ in curve))
        print(f"  (said:true), mean gap {gap:.4f}")
        curves.append(curve)
    return curves


def diagram(curves: list[list[tuple[float, float, int]]]) -> str:
    """Return the reliability diagram as SVG: what was said along, what was true upward."""
    size, edge = 300, 40

    def point(said: float, true: float) -> tuple[float, float]:
        return round(edge + said * size, 1), round(edge + (1 - true) * size, 1)

    shapes = []
    for colour, name, curve in zip(("#2a7f62", "#6b7280", "#b3423a"), LABELS, curves, strict=True):
        places = [point(said, true) for said, true, _ in curve]
        line = " ".join(f"{x},{y}" for x, y in places)
        shapes.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        shapes += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in places]
        height = edge + 18 * (1 + LABELS.index(name))
        shapes.append(f'<text x="{edge + 12}" y="{height}" fill="{colour}">{name}</text>')
    ticks = "".join(
        f'<text x="{point(t, 0)[0]}" y="{edge + size + 16}" text-anchor="middle">{t:g}</text>'
        f'<text x="{edge - 6}" y="{point(0, t)[1] + 4}" text-anchor="end">{t:g}</text>'
        for t in (0, 0.25, 0.5, 0.75, 1)
    )
    full = size + 2 * edge
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {full} {full + 10}" font-family="sans-serif" '
        f'font-size="12">\n<rect width="{full}" height="{full + 10}" fill="white"/>\n'
        f'<rect x="{edge}" y="{edge}" width="{size}" height="{size}" fill="none" stroke="#999"/>\n'
        f'<path d="M{edge} {edge + size} L{edge + size} {edge}" stroke="#bbb" stroke-dasharray="4"/>\n'
        + "\n".join([*shapes, ticks])
        + f'\n<text x="{full / 2}" y="{full}" text-anchor="middle">'
        "probability said (upward: share that was so)</text>\n</svg>\n"
    )


def report_worst(texts: list[str], labels: np.ndarray, answer: FloatArray) -> None:
    """Print the headlines whose true label was given the least probability."""
    for row in answer[np.arange(len(labels)), labels].argsort()[:WORST]:
        said = LABELS[answer[row].argmax()]
        print(f"  {LABELS[labels[row]]:8s} taken for {said} ({answer[row].max():.2f}): {texts[row]}")


def save(path: Path, weights: Weights) -> None:
    np.savez_compressed(
        path,
        hashes=weights.hashes,
        linear=weights.linear,
        steps=weights.steps,
        lexical=weights.lexical,
        ordered=weights.ordered,
        mixture=np.array([weights.share, weights.temperature]),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
