"""Texts through a BERT with three labels: pieces, batches and averages, whatever computes the logits."""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np

from collectors.sentiment.scorer import FloatArray


@dataclass(frozen=True, slots=True)
class TokenLayout:
    """What stands around a text's tokens, and how many the model reads at once without them."""

    first: int
    last: int
    padding: int
    piece_tokens: int


class BertScorer(ABC):
    """Long texts are scored in pieces, weighted by their tokens; short ones in batches of like length.

    Each core computes batches of its own: several cores on one batch of this size wait for each other.
    """

    # Tokens per batch, measured: docs/sentiment.md. A text longer than that is a batch of its own.
    batch_tokens = 256
    batch_lengths: int | None = None  # without padding a batch holds at most so many different lengths
    workers = os.cpu_count()

    def __init__(self, name: str, columns: Sequence[int], layout: TokenLayout) -> None:
        self._name = name
        self.columns = list(columns)  # where the model puts positive, neutral, negative
        self.layout = layout

    @property
    def name(self) -> str:
        return self._name

    @abstractmethod
    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each text, without those around it."""

    @abstractmethod
    def logits_of(self, pieces: Sequence[Sequence[int]]) -> FloatArray:
        """Return (n, 3) in the model's own order for one batch of pieces, longest first."""

    def _one_thread_each(self) -> AbstractContextManager[None]:
        """Return a context in which a batch is computed by the one thread that asks for it."""
        return nullcontext()

    def score(self, texts: Sequence[str]) -> FloatArray:
        """Return (n, 3) positive, neutral, negative; rows sum to 1.

        A text of more tokens than the model reads (512) is cut into pieces of equal length, and their
        probabilities are averaged with the pieces' tokens as weights: nothing is dropped.
        """
        if not texts:
            return np.empty((0, 3))
        owners, pieces = self.pieces(texts)
        scores = np.empty((len(pieces), 3))

        def forward(rows: list[int]) -> None:
            scores[rows] = self._forward([pieces[row] for row in rows])

        lengths = [len(piece) for piece in pieces]
        with self._one_thread_each(), ThreadPoolExecutor(self.workers) as cores:
            list(cores.map(forward, batches(lengths, self.batch_tokens, self.batch_lengths)))
        weights = np.array([[len(piece)] for piece in pieces], float)
        total, weight = np.zeros((len(texts), 3)), np.zeros((len(texts), 1))
        np.add.at(total, owners, scores * weights)
        np.add.at(weight, owners, weights)
        mean: FloatArray = total / weight
        return mean

    def pieces(self, texts: Sequence[str]) -> tuple[list[int], list[list[int]]]:
        """Return the tokens of each piece with those around it, and the text that each belongs to."""
        owners, pieces = [], []
        for row, tokens in enumerate(self._tokens(texts)):
            count = max(1, math.ceil(len(tokens) / self.layout.piece_tokens))
            size = max(1, math.ceil(len(tokens) / count))
            for start in range(0, max(1, len(tokens)), size):
                owners.append(row)
                pieces.append([self.layout.first, *tokens[start : start + size], self.layout.last])
        return owners, pieces

    def _forward(self, pieces: Sequence[Sequence[int]]) -> FloatArray:
        logits = self.logits_of(pieces)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        answer: FloatArray = (powers / powers.sum(axis=1, keepdims=True))[:, self.columns]
        return answer


def batches(
    lengths: Sequence[int], batch_tokens: int, most_lengths: int | None = None
) -> Iterator[list[int]]:
    """Yield row numbers, longest first, so that a batch holds neighbours in length and little padding.

    With ``most_lengths`` there is no padding to count, and a batch holds at most so many different lengths.
    """
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        held = [lengths[k] for k in (*batch, row)]
        if most_lengths is None:
            full = held[0] * len(held) > batch_tokens
        else:
            full = sum(held) > batch_tokens or len(set(held)) > most_lengths
        if batch and full:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
