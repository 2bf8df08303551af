"""How strange each session was by each measure: scores that say nothing of later sessions, and their tails.

A score compares a session with the ticker's own habit, in units of its own usual deviation; a probability
is the share of past scores, of all tickers, that were at least as large. Sessions for which an earnings
report was expected are compared with such sessions alone: much volume is no news on a day known to bring it.

Shapes: T sessions, N tickers, K neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import lfilter

from fusion_model.dataset.panel import CLOSE, HIGH, LOW, VOLUME, BoolArray, FloatArray, Panel
from fusion_model.dataset.stock_graph import StockGraph

MEMORY = 500  # sessions of past scores that one is compared with
REPORT_MEMORY = 1250  # of sessions with an expected report, which are rare
REACH = 1600  # sessions back from one that is judged: REPORT_MEMORY, and what their scores need
MIN_SCORES = 1000  # past scores, before a share of them is a probability
MIN_REPORT_SCORES = 100
MARKET_MEMORY = 1000
MIN_MARKET_SCORES = 250
TAIL_SCORES = 25  # that a tail is drawn through at least, beyond which nothing is counted
LEAST_P = 1e-12
REPORTS = 0.4  # share of a reaction expected from which a session counts as one with a report

HABIT = 22  # sessions that set what is usual
SCATTER = 250  # sessions that set the usual deviation
MIN_SCATTER = 1e-6  # of a log; a series that never changed has no surprises but rounding
DECAY = 0.94  # of daily squares, as the forecast's anchor (RiskMetrics, 1996)
SETTLED = 66  # own returns before a volatility counts
NEIGHBOURS = 8
MARKET_SESSIONS = 500  # of the cross-section's correlations
POST_HABIT = 60  # sessions
MIN_POSTS = 20  # in POST_HABIT sessions, before a count or a tone means anything
MIN_POSTS_TODAY = 3  # before a tone is one
MIN_POST_SCATTER = 0.2  # of ln(1 + posts)
MIN_TONE_SCATTER = 0.01
LEAST_SCORE = 1e-6  # whose logarithm is taken


@dataclass(frozen=True)
class Measure:
    """One measure over a panel: score (T, N), larger is stranger, NaN unknown; what was seen and expected.

    Of the market there is one column.
    """

    name: str
    score: FloatArray
    observed: FloatArray
    expected: FloatArray


@dataclass(frozen=True)
class Measured:
    """Every measure of a panel's sessions; each row says nothing of later ones."""

    panel: Panel
    reports: BoolArray
    by_name: dict[str, Measure]
    neighbours: StockGraph


def measured(panel: Panel, sessions: int = 1) -> Measured:
    """Compute every measure of a panel, as far back as the last ``sessions`` sessions need to be judged."""
    panel = newest(panel, REACH + sessions)
    known = volatility(panel)
    before = np.vstack([np.full((1, known.shape[1]), np.nan), known[:-1]])
    graph = StockGraph(panel, known, NEIGHBOURS)
    compared = len(panel.sessions) - REPORT_MEMORY - sessions  # the first session that any is compared with
    found = (
        day_range(panel),
        volume(panel),
        spread(panel, before, graph, compared),
        post_count(panel),
        sentiment(panel),
        turbulence(panel, before),
        market_move(panel, before),
    )
    return Measured(panel, expects_report(panel), {measure.name: measure for measure in found}, graph)


# Probabilities ------------------------------------------------------------------------------------


def p_values(measure: Measure, row: int, reports: BoolArray) -> FloatArray:
    """Return (N,) how improbable each ticker's score of one session was, by the sessions before it.

    NaN where too few scores of such sessions are known: nothing can be said then.

    Parameters
    ----------
    reports : ndarray (T, N)
        Whether a report was expected for the session (``expects_report``).
    """
    today = measure.score[row]
    if today.shape[0] == 1 and reports.shape[1] != 1:  # of the market
        return _share_above(measure.score[max(0, row - MARKET_MEMORY) : row], today, MIN_MARKET_SCORES)
    rows, longer = slice(max(0, row - MEMORY), row), slice(max(0, row - REPORT_MEMORY), row)
    found = _share_above(measure.score[rows][~reports[rows]], today, MIN_SCORES)
    if reports[row].any():
        alike = _share_above(measure.score[longer][reports[longer]], today, MIN_REPORT_SCORES)
        found = np.where(reports[row], alike, found)
    return found


def _share_above(past: FloatArray, today: FloatArray, least: int) -> FloatArray:
    known = past[np.isfinite(past)]
    return upper_tail(known, today) if len(known) >= least else np.full(today.shape, np.nan)


def expects_report(panel: Panel) -> BoolArray:
    """Return (T, N): whether a session's reaction to an earnings report was expected the evening before."""
    expected = np.zeros(panel.present.shape, dtype=bool)
    if panel.earnings is not None:
        expected[1:] = panel.earnings[:-1, :, 1] >= REPORTS
    return expected


def upper_tail(past: FloatArray, values: FloatArray) -> FloatArray:
    """Return the share of a sample at least as large as each value, (n,); NaN for NaN.

    Beyond its largest hundredth, or the largest TAIL_SCORES, an exponential tail with their mean excess
    goes on (where scores are logarithms: a power law).
    """
    ordered = np.sort(past)
    n = len(ordered)
    above = n - np.searchsorted(ordered, values, side="left")
    start = n - min(max(n // 100, TAIL_SCORES), n)
    threshold = ordered[start]
    excess = max(float((ordered[start:] - threshold).mean()), 1e-12)
    drawn = (n - start) / n * np.exp(-np.maximum(values - threshold, 0.0) / excess)
    found = np.where(values > threshold, drawn, (above + 1) / (n + 1))
    return np.where(np.isnan(values), np.nan, np.clip(found, LEAST_P, 1.0))


# Range and volume ---------------------------------------------------------------------------------


def day_range(panel: Panel) -> Measure:
    """High over low of a session against its habit; observed and expected are log(high / low)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.log(panel.ohlcv[:, :, HIGH] / panel.ohlcv[:, :, LOW])
        score, usual = _against_habit(np.log(reach))
    return Measure("range", score, reach, np.exp(usual))


def volume(panel: Panel) -> Measure:
    """Dollar volume against its habit, so that a split is none; observed and expected are shares."""
    close, shares = panel.ohlcv[:, :, CLOSE], panel.ohlcv[:, :, VOLUME]
    with np.errstate(divide="ignore", invalid="ignore"):
        score, usual = _against_habit(np.log(close * shares))
    return Measure("volume", score, shares, np.exp(usual) / close)


def _against_habit(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return (T, N) deviations from the mean of HABIT sessions in units of the usual one, and that mean."""
    values = np.where(np.isfinite(values), values, np.nan)
    usual = _mean_before(values, HABIT, HABIT)
    surprise = values - usual
    return _standardised(surprise), usual


def _standardised(surprise: FloatArray) -> FloatArray:
    """Return deviations in units of their root mean square over SCATTER sessions before."""
    with np.errstate(invalid="ignore"):
        scale = np.sqrt(_mean_before(surprise**2, SCATTER, HABIT))
        return np.where(scale > MIN_SCATTER, surprise / scale, np.nan)


def _mean_before(values: FloatArray, span: int, least: int) -> FloatArray:
    """Return the mean of the ``span`` rows before each; NaN with fewer than ``least`` known ones."""
    known = np.isfinite(values)
    total = np.cumsum(np.vstack([np.zeros((1, values.shape[1])), np.where(known, values, 0.0)]), axis=0)
    count = np.cumsum(np.vstack([np.zeros((1, values.shape[1])), known]), axis=0)
    first = np.maximum(np.arange(len(values)) - span, 0)
    number = count[:-1] - count[first]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (total[:-1] - total[first]) / number
    return np.asarray(np.where(number >= least, mean, np.nan))


# Posts --------------------------------------------------------------------------------------------


def post_count(panel: Panel) -> Measure:
    """Posts against those of POST_HABIT sessions: ln(1 + n) in units of its usual deviation.

    A session in which no ticker has a post is one without a record, and says nothing of habits.
    """
    count = panel.sentiment[:, :, 2]
    size = np.where((count > 0).any(axis=1, keepdims=True), np.log1p(count), np.nan)
    habit = _mean_before(size, POST_HABIT, HABIT)
    with np.errstate(invalid="ignore"):
        scatter = np.sqrt(
            np.maximum(_mean_before(size**2, POST_HABIT, HABIT) - habit**2, MIN_POST_SCATTER**2)
        )
        score = (size - habit) / scatter
    usual = _mean_before(np.where(np.isfinite(size), count, np.nan), POST_HABIT, HABIT)
    return Measure("post_count", np.where(_posts_before(count) >= MIN_POSTS, score, np.nan), count, usual)


def sentiment(panel: Panel) -> Measure:
    """Mean tone of a session's posts against the tone of POST_HABIT sessions' posts, in standard errors."""
    tone, scatter, count = (panel.sentiment[:, :, k] for k in range(3))
    before = _posts_before(count)
    with np.errstate(invalid="ignore", divide="ignore"):
        habit = _posts_before(count * np.nan_to_num(tone)) / before
        square = _posts_before(count * np.nan_to_num(scatter**2 + tone**2)) / before
        error = np.sqrt(np.maximum(square - habit**2, MIN_TONE_SCATTER**2) * (1.0 / count + 1.0 / before))
        score = np.log(np.maximum(np.abs(tone - habit) / error, LEAST_SCORE))
    enough = (before >= MIN_POSTS) & (count >= MIN_POSTS_TODAY)
    return Measure("sentiment", np.where(enough, score, np.nan), tone, habit)


def _posts_before(values: FloatArray) -> FloatArray:
    """Return sums over the POST_HABIT rows before each, or as many as there are."""
    total = np.cumsum(np.vstack([np.zeros((1, values.shape[1])), values]), axis=0)
    return np.asarray(total[:-1] - total[np.maximum(np.arange(len(values)) - POST_HABIT, 0)])


# Related stocks and the market --------------------------------------------------------------------


def volatility(panel: Panel) -> FloatArray:
    """Return (T, N) the daily volatility of log returns known at each close; NaN before SETTLED returns."""
    returns = panel.log_returns
    known = np.isfinite(returns)
    found = np.full(returns.shape, np.nan)
    for n in range(returns.shape[1]):
        rows = np.flatnonzero(known[:, n])
        if len(rows) <= SETTLED:
            continue
        squares = returns[rows, n] ** 2
        state = [DECAY * squares[:SETTLED].mean()]
        variance, _ = lfilter([1.0 - DECAY], [1.0, -DECAY], squares, zi=state)
        found[rows[SETTLED:], n] = np.sqrt(np.maximum(variance[SETTLED:], 1e-8))
    return found


def spread(panel: Panel, before: FloatArray, graph: StockGraph, first: int = 0) -> Measure:
    """Return less what the related stocks' mean return let expect, two-sided; both as log returns.

    The expectation is a regression through zero on the neighbours' mean, all in units of their volatility,
    over the SCATTER sessions before the graph was drawn. Months that end before row ``first`` are left out.
    """
    with np.errstate(invalid="ignore"):
        moves = panel.log_returns / before
    T, N = moves.shape
    score, expected = np.full((T, N), np.nan), np.full((T, N), np.nan)
    drawn = graph.drawn_at
    for at in np.unique(drawn[:-1]):
        rows = np.flatnonzero(drawn[:-1] == at) + 1  # a graph of a close holds from the session after it
        if rows[-1] < first:
            continue
        past = slice(max(0, at + 1 - SCATTER), at + 1)
        neighbours, _ = graph.at(int(at))
        beside_past = _mean_of(moves[past], neighbours)
        both = np.isfinite(beside_past) & np.isfinite(moves[past])
        x, y = np.where(both, beside_past, 0.0), np.where(both, moves[past], 0.0)
        number = both.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            beta = (x * y).sum(axis=0) / (x * x).sum(axis=0)
            scale = np.sqrt(((y - beta * x) ** 2).sum(axis=0) / number)
        beta = np.where((number >= SETTLED) & (scale > MIN_SCATTER), beta, np.nan)
        beside = beta * _mean_of(moves[rows], neighbours)
        with np.errstate(invalid="ignore", divide="ignore"):
            score[rows] = np.log(np.maximum(np.abs(moves[rows] - beside) / scale, LEAST_SCORE))
        expected[rows] = beside * before[rows]
    return Measure("spread", score, panel.log_returns, expected)


def _mean_of(moves: FloatArray, neighbours: np.ndarray) -> FloatArray:
    """Return (T, N) the mean of each ticker's neighbours (N, K), -1 for none; NaN where none has a return."""
    total = np.zeros(moves.shape)
    count = np.zeros(moves.shape)
    known = np.isfinite(moves)
    filled = np.where(known, moves, 0.0)
    for k in range(neighbours.shape[1]):
        there = neighbours[:, k] >= 0
        total[:, there] += filled[:, neighbours[there, k]]
        count[:, there] += known[:, neighbours[there, k]]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(count > 0, total / count, np.nan))


def turbulence(panel: Panel, before: FloatArray) -> Measure:
    """Squared Mahalanobis distance of a session's returns a stock, in units of volatility: 1 is usual.

    Correlations are those of the MARKET_SESSIONS sessions before the month, shrunk to their mean
    (Ledoit & Wolf, 2004, Journal of Portfolio Management 30). One column: the market of the stored stocks.

    References
    ----------
    Kritzman & Li (2010), Skulls, financial turbulence, and risk management, Financial Analysts Journal 66.
    """
    with np.errstate(invalid="ignore"):
        moves = panel.log_returns / before
    T = len(moves)
    distance = np.full((T, 1), np.nan)
    months = np.array([session[:7] for session in panel.sessions])
    for month in np.unique(months[MARKET_SESSIONS:]):
        rows = np.flatnonzero(months == month)
        rows = rows[rows >= MARKET_SESSIONS]
        past = moves[rows[0] - MARKET_SESSIONS : rows[0]]
        columns = np.flatnonzero(np.isfinite(past).mean(axis=0) > 0.95)
        if len(columns) < 2:
            continue
        correlation = shrunk_correlation(np.nan_to_num(np.clip(past[:, columns], -6.0, 6.0)))
        today = np.nan_to_num(moves[rows][:, columns])
        there = np.isfinite(moves[rows][:, columns]).sum(axis=1)
        squared = (today * np.linalg.solve(correlation, today.T).T).sum(axis=1)
        distance[rows, 0] = squared / np.maximum(there, 1)
    with np.errstate(divide="ignore"):
        return Measure("turbulence", np.log(distance), distance, np.ones((T, 1)))


def market_move(panel: Panel, before: FloatArray) -> Measure:
    """Mean move of the stored stocks, each in units of its volatility, against its usual size; one column."""
    moves = panel.log_returns / before
    known = np.isfinite(moves)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, moves, 0.0).sum(axis=1, keepdims=True) / known.sum(axis=1, keepdims=True)
        score = np.log(np.maximum(np.abs(_standardised(mean)), LEAST_SCORE))
    return Measure("market_move", score, mean, np.zeros_like(mean))


def shrunk_correlation(moves: FloatArray) -> FloatArray:
    """Return second moments (N, N) of rows (T, N), shrunk towards equal variances and correlations."""
    T, N = moves.shape
    sample = moves.T @ moves / T
    deviation = np.sqrt(np.maximum(np.diag(sample), 1e-12))
    correlation = sample / np.outer(deviation, deviation)
    mean = (correlation.sum() - N) / (N * (N - 1))
    target = mean * np.outer(deviation, deviation)
    np.fill_diagonal(target, deviation**2)
    noise = float(((moves**2).sum(axis=1) ** 2).sum() / T - (sample**2).sum())  # of all products of squares
    gap = float(((sample - target) ** 2).sum())
    weight = min(1.0, noise / max(gap, 1e-12) / T)
    return np.asarray(weight * target + (1.0 - weight) * sample)


def newest(panel: Panel, sessions: int) -> Panel:
    """Return the panel with its last sessions alone."""
    if len(panel.sessions) <= sessions:
        return panel
    cut = len(panel.sessions) - sessions
    named = panel.co_mentions[panel.co_mentions[:, 0] >= cut].copy()
    named[:, 0] -= cut
    return replace(
        panel,
        sessions=panel.sessions[cut:],
        ohlcv=panel.ohlcv[cut:],
        split_ratio=panel.split_ratio[cut:],
        dividend=panel.dividend[cut:],
        sentiment=panel.sentiment[cut:],
        macro=panel.macro[cut:],
        earnings=None if panel.earnings is None else panel.earnings[cut:],
        co_mentions=named,
    )
