"""Which stocks are related, as known at a close: by sector, by how they move, by who is named beside whom.

The graph is drawn at the panel's first session and at the first session of each calendar month, from rows up
to and including that one, and held until the next: it does not depend on where the panel ends. A relation is

    score = correlation + SECTOR_WEIGHT (same sector) + share of posts that name both

and the neighbours of a ticker are the K others of the largest positive score; of equal ones the first by
name. The correlation is that of returns in units of their volatility less their mean over the tickers; the
share is that of the posts that name either. Sectors are labels of today, without a history.

Shapes: T sessions, N tickers, B of them, L consecutive sessions, K neighbours, E edge features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion_model.dataset.features import Float32Array, sum_over_tickers
from fusion_model.dataset.panel import BoolArray, FloatArray, IntArray, Panel

EDGE_FEATURES = ("correlation", "same_sector", "co_mention")
CORRELATION_SESSIONS = 250
MIN_COMMON = 120  # sessions of both tickers among them: before that a correlation is a guess
SECTOR_WEIGHT = 0.1
MENTION_SESSIONS = 60
MENTION_PRIOR = 10  # posts that name neither with the other: so that one post alone makes no relation
GRID = 1024.0  # steps of a standardised return: whole numbers, whose sums are exact in any order


class Related(NamedTuple):
    """Neighbours of B tickers over L sessions: places among the B, -1 for none, and what joins them."""

    neighbours: IntArray  # (L, B, K)
    edges: Float32Array  # (L, B, K, E) EDGE_FEATURES


@dataclass(frozen=True)
class StockGraph:
    """The graphs of one panel; each is drawn when it is first asked for, and kept.

    Parameters
    ----------
    panel : Panel
    scale : ndarray (T, N)
        Daily volatility of log returns, NaN without (features.Features.scale).
    most : int
        K, the neighbours of a ticker at most.
    """

    panel: Panel
    scale: FloatArray
    most: int
    _drawn: dict[int, tuple[IntArray, Float32Array]] = field(default_factory=dict, repr=False)

    @cached_property
    def drawn_at(self) -> IntArray:
        """Row at which the graph in force at each session was drawn, (T,)."""
        months = np.array([session[:7] for session in self.panel.sessions])
        first = np.concatenate([[True], months[1:] != months[:-1]])
        return np.maximum.accumulate(np.where(first, np.arange(len(months)), 0))

    @cached_property
    def moves(self) -> FloatArray:
        """Returns in units of their volatility less the mean over tickers, in steps of 1 / GRID, (T, N).

        Zero where unknown. With whole steps a ticker more or less changes no bit of the others' correlation.
        """
        with np.errstate(invalid="ignore"):
            moves = self.panel.log_returns / self.scale
        count = np.isfinite(moves).sum(axis=1)
        moves = moves - (sum_over_tickers(moves) / np.maximum(count, 1))[:, None]
        return np.asarray(np.rint(np.nan_to_num(moves) * GRID))

    @cached_property
    def _by_name(self) -> NDArray[np.intp]:
        return np.argsort(np.array(self.panel.tickers), kind="stable")

    def at(self, row: int) -> tuple[IntArray, Float32Array]:
        """Return the neighbours' columns (N, K), -1 for none, and edges (N, K, E) in force at a session."""
        drawn = int(self.drawn_at[row])
        if drawn not in self._drawn:
            self._drawn[drawn] = self._draw(drawn)
        return self._drawn[drawn]

    def related(self, rows: range, columns: Sequence[int] | NDArray[np.intp], ready: BoolArray) -> Related:
        """Return who is related among some columns over consecutive rows; who is not ready is no neighbour.

        Parameters
        ----------
        ready : ndarray (N, T)
            Whether a ticker has features at a session.
        """
        N, B, L = len(self.panel.tickers), len(columns), len(rows)
        place = np.full(N + 1, -1, dtype=np.int64)  # the last stands for nobody
        place[columns] = np.arange(B)
        neighbours = np.empty((L, B, self.most), dtype=np.int64)
        edges = np.empty((L, B, self.most, len(EDGE_FEATURES)), dtype=np.float32)
        drawn = self.drawn_at[rows.start : rows.stop]
        for month in np.unique(drawn):
            within = drawn == month
            columns_of, edges_of = self.at(int(month))
            neighbours[within], edges[within] = place[columns_of[columns]], edges_of[columns]
        there = ready[columns, rows.start : rows.stop].T  # (L, B)
        there = np.take_along_axis(there[:, :, None], np.maximum(neighbours, 0).reshape(L, -1, 1), axis=1)
        absent = ~there.reshape(neighbours.shape) | (neighbours < 0)
        neighbours[absent], edges[absent] = -1, 0.0
        return Related(neighbours, edges)

    def _draw(self, row: int) -> tuple[IntArray, Float32Array]:
        """Draw the graph from the rows up to one: columns (N, K) and edges (N, K, E)."""
        by_name = self._by_name
        correlation, common = self._correlation(row, by_name)
        same_sector = self._same_sector
        co_mention = self._co_mention(row, by_name)
        score = correlation + SECTOR_WEIGHT * same_sector + co_mention
        known = common.diagonal() >= MIN_COMMON
        score[~(known[:, None] & known[None, :])] = -np.inf
        np.fill_diagonal(score, -np.inf)
        N, K = len(by_name), self.most
        neighbours = np.full((N, K), -1, dtype=np.int64)
        edges = np.zeros((N, K, len(EDGE_FEATURES)), dtype=np.float32)
        everyone = np.arange(N)
        for k in range(min(K, N - 1)):
            best = score.argmax(axis=1)  # the first of equal ones
            related = score[everyone, best] > 0.0
            for e, values in enumerate((correlation, same_sector, co_mention)):
                edges[by_name[related], k, e] = values[everyone, best][related]
            neighbours[by_name[related], k] = by_name[best[related]]
            score[everyone, best] = -np.inf
        return neighbours, edges

    def _correlation(self, row: int, order: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
        """Correlations about zero, 0 with fewer than MIN_COMMON common sessions, and how many these are."""
        rows = slice(max(0, row + 1 - CORRELATION_SESSIONS), row + 1)
        moves = self.moves[rows][:, order]
        known = (np.isfinite(self.scale[rows]) & np.isfinite(self.panel.log_returns[rows]))[:, order]
        there = known.astype(np.float64)
        common = there.T @ there  # sums of whole numbers below 2 ** 53: exact, in whichever order
        power = (moves * moves).T @ there
        size = np.sqrt(power * power.T)
        enough = (common >= MIN_COMMON) & (size > 0.0)
        return np.where(enough, (moves.T @ moves) / np.where(enough, size, 1.0), 0.0), common

    @cached_property
    def _same_sector(self) -> FloatArray:
        sectors = np.array(self.panel.sectors or ("",) * len(self._by_name))[self._by_name]
        same = (sectors[:, None] == sectors[None, :]) & (sectors != "")[:, None]
        return np.asarray(same, dtype=np.float64)

    def _co_mention(self, row: int, order: NDArray[np.intp]) -> FloatArray:
        """Posts that name both among those that name either, of the last MENTION_SESSIONS sessions."""
        named = self.panel.co_mentions
        first, stop = np.searchsorted(named[:, 0], [row + 1 - MENTION_SESSIONS, row + 1])
        place = np.argsort(order, kind="stable")
        one, other = place[named[first:stop, 1]], place[named[first:stop, 2]]
        both = np.zeros((len(order), len(order)))
        np.add.at(both, (one, other), named[first:stop, 3])
        alone = both.diagonal().copy()
        both = both + both.T
        np.fill_diagonal(both, alone)
        return np.asarray(both / (alone[:, None] + alone[None, :] - both + MENTION_PRIOR))
