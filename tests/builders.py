"""What several tests build: small panels with known truth, and databases filled as collectors do."""

from __future__ import annotations

import csv
import gzip
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from collectors import store
from collectors.market_calendar import session_close, sessions_between
from collectors.records import CorporateAction, Post, PostMention, PostSentiment, PriceBar
from fusion_model.dataset.panel import FloatArray, Panel, co_mentions_among
from fusion_model.findings import QUANTILE_LEVELS, Forecast
from fusion_model.forecasting.fusion_network import FusionConfig
from resources import sample_paths

SCORER = "test@1"
SMALL = FusionConfig(  # trains in a second or two on some tickers and years
    use_sentiment=True,
    use_macro=True,
    hidden=8,
    lookback=32,
    segment=64,
    members=1,
    epochs=2,
    validation_sessions=60,
    held_out_sessions=60,
    stacking_sessions=0,
    calibration_sessions=300,
    longest_calibration_sessions=400,
    trees=8,
)


# Panels -------------------------------------------------------------------------------------------


def posts_of_days(tone: FloatArray, spread: FloatArray, count: FloatArray) -> FloatArray:
    """Return (T, N, 5) as Panel.sentiment has it: bulls as the tone has them, half of the texts new."""
    posts = count > 0
    bulls = np.where(posts, np.nan_to_num(np.sign(tone)) * np.log1p(count), 0.0)
    return np.stack([tone, spread, count, bulls, np.where(posts, 0.5, np.nan)], axis=2)


def write_sample_bars(path: Path, first: str, last_of: Mapping[str, str]) -> None:
    """Write the bars of some tickers of the embedded sample as CSV, from a session to one of each ticker."""
    source = next(sample_paths().prices.glob("*.csv.gz"))
    with gzip.open(source, "rt", newline="") as compressed, path.open("w", newline="") as file:
        reader = csv.DictReader(compressed)
        writer = csv.DictWriter(file, reader.fieldnames or ())
        writer.writeheader()
        writer.writerows(row for row in reader if first <= row["date"] <= last_of.get(row["ticker"], ""))


def sessions_from(first: str, count: int) -> tuple[str, ...]:
    """Return ``count`` sessions from a date on."""
    return tuple(sessions_between(first, "2024-12-31")[:count])


def panel_of(returns: FloatArray, volume: FloatArray | None = None, *, seed: int = 0) -> Panel:
    """Return a panel with these log returns (T, N), a third of each overnight, and ranges around them."""
    T, N = returns.shape
    random = np.random.default_rng(seed)
    close = 50.0 * np.exp(np.cumsum(returns, axis=0))
    open_ = close * np.exp(-returns * 2.0 / 3.0)
    reach = np.abs(returns) * random.uniform(0.1, 0.5, (T, N)) + 1e-4
    high, low = np.maximum(open_, close) * np.exp(reach), np.minimum(open_, close) * np.exp(-reach)
    if volume is None:
        volume = 1e6 * np.exp(random.normal(0.0, 0.3, (T, N)))
    return Panel(
        sessions=sessions_from("2012-01-03", T),
        tickers=tuple(f"T{n:02d}" for n in range(N)),
        ohlcv=np.stack([open_, high, low, close, volume], axis=2),
        split_ratio=np.ones((T, N)),
        dividend=np.zeros((T, N)),
        sentiment=posts_of_days(np.full((T, N), np.nan), np.full((T, N), np.nan), np.zeros((T, N))),
        macro=np.zeros((T, 0, 2)),
        macro_series=(),
    )


def lively_panel(T: int = 900, N: int = 8, *, seed: int = 0) -> Panel:
    """Return stocks with stochastic volatility, heavy tails, posts on some days, a rate and an index.

    Every other stock is of one sector, and one post in three names the next stock too.
    """
    random = np.random.default_rng(seed)
    level, steps = np.zeros(N), random.normal(0.0, 0.15, (T, N)) + random.normal(0.0, 0.15, (T, 1))
    levels = np.empty((T, N))
    for t in range(T):
        level = 0.97 * level + steps[t]
        levels[t] = level
    returns = 0.012 * np.exp(levels) * random.standard_t(4, (T, N)) / np.sqrt(2.0)
    count = random.poisson(0.7, (T, N)).astype(float)
    tone = np.where(count > 0, random.uniform(-0.8, 0.8, (T, N)), np.nan)
    spread = np.where(count > 0, random.uniform(0.0, 0.5, (T, N)), np.nan)
    month = np.arange(T) // 21
    rate, index = random.normal(2.0, 0.3, month[-1] + 2), 100.0 * 1.002 ** np.arange(month[-1] + 2)
    macro = np.stack(
        [
            np.stack([rate[month + 1], rate[month]], axis=1),
            np.stack([index[month + 1], index[month]], axis=1),
        ],
        axis=1,
    )
    return replace(
        panel_of(returns, seed=seed),
        sentiment=posts_of_days(tone, spread, count),
        macro=macro,
        macro_series=("DGS10", "INDPRO"),
        scorer=SCORER,
        sectors=tuple(("Energy", "Utilities")[n % 2] for n in range(N)),
        co_mentions=_named_together(count.astype(np.int64)),
    )


def _named_together(count: np.ndarray) -> np.ndarray:
    """Return the co-mentions of posts (T, N) of which every third names the next ticker too."""
    own = [(t, n, n, count[t, n]) for t, n in zip(*np.nonzero(count), strict=True)]
    both = [(t, n, n + 1, count[t, n] // 3 + 1) for t, n, _, _ in own if n + 1 < count.shape[1]]
    return np.array(sorted(own + both), dtype=np.int64)


def with_future_corrupted(panel: Panel, session: str) -> Panel:
    """Return the panel with nonsense in every row after a session, of every array."""
    after = panel.position(session) + 1
    random = np.random.default_rng(99)
    changed = {}
    for name in ("ohlcv", "split_ratio", "dividend", "sentiment", "macro"):
        values = getattr(panel, name).copy()
        values[after:] = random.uniform(1.0, 100.0, values[after:].shape)
        changed[name] = values
    named = panel.co_mentions.copy()
    named[named[:, 0] >= after, 3] = 999
    return replace(panel, **changed, co_mentions=named)


def with_prices_scaled(panel: Panel, factors: Sequence[float]) -> Panel:
    """Return the panel with the prices and dividends of each ticker multiplied by a constant."""
    ohlcv, by = panel.ohlcv.copy(), np.array(factors)
    ohlcv[:, :, :4] *= by[None, :, None]
    return replace(panel, ohlcv=ohlcv, dividend=panel.dividend * by)


def with_tickers(panel: Panel, columns: Sequence[int]) -> Panel:
    """Return the panel with its tickers chosen and ordered by position."""
    kept = list(columns)
    return replace(
        panel,
        tickers=tuple(panel.tickers[n] for n in kept),
        ohlcv=panel.ohlcv[:, kept],
        split_ratio=panel.split_ratio[:, kept],
        dividend=panel.dividend[:, kept],
        sentiment=panel.sentiment[:, kept],
        sectors=tuple(panel.sectors[n] for n in kept) if panel.sectors else (),
        co_mentions=co_mentions_among(panel.co_mentions, np.array(kept)),
    )


def with_bars_only_from(panel: Panel, column: int, row: int) -> Panel:
    """Return the panel with a ticker that was listed at a row."""
    ohlcv = panel.ohlcv.copy()
    ohlcv[:row, column] = np.nan
    return replace(panel, ohlcv=ohlcv)


def with_sessions_added(panel: Panel, returns: FloatArray) -> Panel:
    """Return a panel of prices alone with sessions more at its end, of these log returns (T, N)."""
    added = len(returns)
    last = np.repeat(panel.ohlcv[-1:], added, axis=0)
    last[:, :, :4] = panel.ohlcv[-1, :, 3][None, :, None] * np.exp(np.cumsum(returns, axis=0))[:, :, None]
    last[:, :, 1] *= 1.001
    last[:, :, 2] *= 0.999

    def longer(values: FloatArray) -> FloatArray:
        return np.concatenate([values, np.repeat(values[-1:], added, axis=0)])

    return replace(
        panel,
        sessions=(*panel.sessions, *sessions_from(panel.sessions[-1], added + 1)[1:]),
        ohlcv=np.concatenate([panel.ohlcv, last]),
        split_ratio=longer(panel.split_ratio),
        dividend=longer(panel.dividend),
        sentiment=longer(panel.sentiment),
        macro=longer(panel.macro),
    )


def panel_bytes(panel: Panel) -> dict[str, object]:
    """Return everything a panel holds, arrays as bytes with their shapes."""
    arrays = ("ohlcv", "split_ratio", "dividend", "sentiment", "macro", "co_mentions")
    return {
        **{name: (getattr(panel, name).shape, getattr(panel, name).tobytes()) for name in arrays},
        **{
            name: getattr(panel, name)
            for name in ("sessions", "tickers", "macro_series", "scorer", "sectors")
        },
    }


# Facts and findings -------------------------------------------------------------------------------


def bars(ticker: str, closes: Sequence[float | None], first: str = "2020-01-02") -> list[PriceBar]:
    """Return bars of consecutive sessions with these closes; None leaves a session out."""
    return [
        PriceBar(
            ticker, session, close, close * 1.01, close * 0.99, close, 1e6, "test", session_close(session)
        )
        for session, close in zip(sessions_from(first, len(closes)), closes, strict=True)
        if close is not None
    ]


def action(ticker: str, session: str, kind: str, amount: float) -> CorporateAction:
    """Return a split or dividend that was known at its session's close."""
    return CorporateAction(ticker, session, kind, amount, "test", session_close(session))


def save_post(db: sqlite3.Connection, tickers: str, at: str, tone: float = 0.0, post_id: str = "") -> None:
    """Save one scored post on a ticker, or several with a space between; ``tone`` is positive - negative."""
    post_id = post_id or f"{tickers} {at}"
    mentions = [PostMention(post_id, ticker) for ticker in tickers.split()]
    store.save_posts(db, [Post(post_id, "reddit", "stocks", "", "", 1, 0, at, at)], mentions)
    positive, negative = max(tone, 0.0), max(-tone, 0.0)
    store.save_sentiment(
        db, [PostSentiment(post_id, SCORER, positive, 1.0 - positive - negative, negative, at)]
    )


def forecast_of(
    ticker: str, session: str, target: str, *, sigma: float = 0.01, version: str = "fusion-1"
) -> Forecast:
    """Return a one-session forecast with normal quantiles."""
    from scipy.special import ndtri

    return Forecast(
        model="fusion",
        model_version=version,
        ticker=ticker,
        as_of_session=session,
        horizon=1,
        target_session=target,
        last_close=50.0,
        quantiles=tuple((sigma * ndtri(np.array(QUANTILE_LEVELS))).tolist()),
        mean=0.0,
        prob_up=0.5,
        volatility=sigma,
        scorer=SCORER,
    )
