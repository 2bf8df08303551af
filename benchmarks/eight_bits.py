"""How far the fast path's 8 bits move a score, by how its weights are rounded, on this processor.

    python benchmarks/eight_bits.py ../shared/data BERT

``BERT`` is a folder with a pretrained BERT as transformers reads it; its copy learns the labels of four in
five headlines here (minutes). The fast path is then made of it in several ways, and each is set beside the
reference on the other headlines and on posts: the mean difference of a probability, and the share of labels
that agree. A processor without VNNI (grep vnni /proc/cpuinfo) cuts off sums of two products that do not fit
into 16 bits; unsigned weights, which are slower, are added without that limit everywhere.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts"), str(ROOT / "benchmarks")]

import numpy as np  # noqa: E402
from fit_compact_scorer import assign_folds, macro_f1, read_headlines  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from sentiment import FINBERT_LABELS, SEED, read_posts, train  # noqa: E402

from collectors.sentiment import bert_graph  # noqa: E402
from collectors.sentiment.bert_graph import Column  # noqa: E402
from collectors.sentiment.finbert import FinBert, load_finbert  # noqa: E402
from collectors.sentiment.finbert_fast import (  # noqa: E402
    MODEL_FILE,
    RANGES_FROM_EVERY,
    FastFinBert,
    _open,
    build_fast,
)
from collectors.sentiment.scorer import FloatArray  # noqa: E402

POSTS = 360  # as many as `barograph models quantise` reads
EPOCHS, BATCH, RATE = 4, 32, 5e-5


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("bert", type=Path)
    options = parser.parse_args()
    texts, labels = read_headlines(options.data / "sentiment" / "sentfin_headlines.csv")
    unseen = assign_folds(texts) == 0
    headlines = [texts[k] for k in np.flatnonzero(unseen)]
    posts = read_posts(options.data / "posts")
    posts = [posts[k] for k in np.random.default_rng(SEED).choice(len(posts), POSTS, replace=False)]
    with tempfile.TemporaryDirectory() as folder:
        tuned = Path(folder) / "tuned"
        copy_with_three_labels(options.bert, tuned)
        seen = np.flatnonzero(~unseen)
        train(tuned, [texts[k] for k in seen], labels[seen], EPOCHS, BATCH, RATE)
        reference = load_finbert(tuned)
        f1 = macro_f1(labels[unseen], reference.score(headlines).argmax(axis=1))
        print(f"{len(seen)} headlines learned, macro-F1 {f1:.3f} on {len(headlines)} others", flush=True)
        compare(reference, Path(folder), posts, headlines)


def copy_with_three_labels(source: Path, folder: Path) -> None:
    """Write a BERT's copy whose head for FinBERT's labels has not learned anything yet."""
    import torch
    from transformers import AutoTokenizer, BertForSequenceClassification

    torch.manual_seed(SEED)
    names = dict(enumerate(FINBERT_LABELS))
    numbers = {label: number for number, label in names.items()}
    model = BertForSequenceClassification.from_pretrained(
        source, num_labels=3, id2label=names, label2id=numbers
    )
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)


def compare(reference: FinBert, folder: Path, posts: Sequence[str], headlines: Sequence[str]) -> None:
    ranges_from = posts[::RANGES_FROM_EVERY]
    others = [text for place, text in enumerate(posts) if place % RANGES_FROM_EVERY]
    both = (headlines, others)
    right = [reference.score(texts) for texts in both]
    ways = {"127 steps": in_steps(127), "64 steps": in_steps(64), "neighbours": bert_graph._matrix_in_8_bits}
    print(f"moved on average, labels that agree: {len(headlines)} headlines, {len(others)} posts")
    for name, matrix in ways.items():
        place = folder / name
        place.mkdir()
        with patch.object(bert_graph, "_matrix_in_8_bits", matrix):
            limited = build_fast(reference, place, ranges_from)
        here = [limited.score(texts) for texts in both]
        unlimited = without_limit(limited, place)
        exact = [unlimited.score(texts) for texts in both]
        print(f"{name:12s} as this processor adds  {figures(here, right)}")
        print(f"{name:12s} without a limit         {figures(exact, right)}")
        same = sum(int((mine == other).all(axis=1).sum()) for mine, other in zip(here, exact, strict=True))
        print(f"{name:12s} the same to the last bit: {same} of {sum(map(len, both))}", flush=True)


def in_steps(most: int) -> Callable[[Column], tuple[Column, NDArray[np.int8]]]:
    """Return how a matrix comes to 8 bits where each weight stands for itself."""

    def matrix_in_8_bits(weight: Column) -> tuple[Column, NDArray[np.int8]]:
        steps = np.maximum(abs(weight).max(axis=0), bert_graph.LEAST_RANGE) / most
        return steps, np.rint(weight / steps).astype(np.int8)

    return matrix_in_8_bits


def without_limit(fast: FastFinBert, folder: Path) -> FastFinBert:
    """Return the scorer with unsigned weights, whose products every processor adds in 32 bits."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(folder / MODEL_FILE)
    middle = numpy_helper.from_array(np.array(128, np.uint8), "middle")
    constants = {constant.name: constant for constant in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "MatMulIntegerToFloat":
            signed = constants[node.input[1]]
            unsigned = (numpy_helper.to_array(signed).astype(int) + 128).astype(np.uint8)
            signed.CopyFrom(numpy_helper.from_array(unsigned, signed.name))
            node.input[5] = middle.name
    model.graph.initializer.append(middle)
    onnx.save(model, folder / MODEL_FILE)
    return _open(folder, "without a limit", fast.columns, fast.layout)


def figures(scores: Sequence[FloatArray], right: Sequence[FloatArray]) -> str:
    return "   ".join(
        f"{abs(mine - true).mean():.4f} {(mine.argmax(axis=1) == true.argmax(axis=1)).mean():.1%}"
        for mine, true in zip(scores, right, strict=True)
    )


if __name__ == "__main__":
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    main()
