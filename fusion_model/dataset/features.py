"""What a forecaster sees of a panel: returns, ranges, volume, averages, indicators, sentiment, macro.

Every feature at a row is a function of that row and the rows before it, and of ratios alone: scaling a
price history, or cutting it short later, changes nothing. Averages run over a ticker's own bars.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fusion_model.dataset.earnings import reaction_size
from fusion_model.dataset.panel import CLOSE, HIGH, LOW, OPEN, VOLUME, FloatArray, Panel
from fusion_model.findings import HORIZONS

Float32Array: TypeAlias = NDArray[np.float32]

EWMA_DECAY = 0.94  # RiskMetrics (1996), daily
REMEMBERED_BARS = 1500  # of a ticker: the longest memory, of 120 bars, is down to 1e-11 then
REMEMBERED_POSTS = 300  # sessions: a memory of 22 is down to 1e-12 then
MIN_BARS = 66  # before that a volatility of three months is no more than a guess
RANGE_SPANS = (5, 22, 66)
CLIP = 6.0

# Series that are levels in percent; of the others the growth since the observation before counts.
RATE_SERIES = ("FEDFUNDS", "DGS2", "DGS10", "T10Y2Y", "UNRATE", "VIXCLS", "BAMLH0A0HYM2", "USREC", "UMCSENT")

PRICE_FEATURES = (
    "return",
    "log_size_of_return",
    "overnight",
    "size_of_overnight",
    "intraday_range",
    "volatility_5_to_22",
    "volatility_22_to_66",
    "volatility_66_to_250",
    "range_volatility_5",
    "range_volatility_22",
    "range_volatility_66",
    "ewma_to_66",
    "leverage",
    "volume_surprise",
    "volume_trend",
    "gap_to_average_20",
    "gap_to_average_50",
    "gap_to_average_200",
    "relative_strength_index",
    "macd",
    "bollinger",
    "stochastic",
    "volatility_to_cross_section",
    "market_return",
    "market_volatility_5",
    "market_volatility_22",
    "market_volatility_66",
    "market_leverage",
    "dispersion",
    "beta",
    "log_volatility",
    "reaction_today",
    "reaction_next",
    "reactions_in_5",
    "reactions_in_20",
    "reaction_size",
    "reaction_next_by_size",
    "reaction_next_by_volatility",
)
INDICATORS = (  # of PRICE_FEATURES: what chart readers look at
    "gap_to_average_20", "gap_to_average_50", "gap_to_average_200",
    "relative_strength_index", "macd", "bollinger", "stochastic",
)  # fmt: skip
CAUSES = {  # PRICE_FEATURES by what they tell of, as reasons name them; each stands in one
    "price": (
        "return", "log_size_of_return", "overnight", "size_of_overnight", "intraday_range",
        "volatility_5_to_22", "volatility_22_to_66", "volatility_66_to_250", "range_volatility_5",
        "range_volatility_22", "range_volatility_66", "ewma_to_66", "leverage",
        "volatility_to_cross_section", "log_volatility",
    ),
    "volume": ("volume_surprise", "volume_trend"),
    "indicators": INDICATORS,
    "market": (
        "market_return", "market_volatility_5", "market_volatility_22", "market_volatility_66",
        "market_leverage", "dispersion", "beta",
    ),
    "earnings": (
        "reaction_today", "reaction_next", "reactions_in_5", "reactions_in_20", "reaction_size",
        "reaction_next_by_size", "reaction_next_by_volatility",
    ),
}  # fmt: skip
SENTIMENT_FEATURES = (
    "tone", "tone_5", "tone_spread", "bull_bear", "novelty", "post_count", "post_surprise", "posts_missing",
)  # fmt: skip


@dataclass(frozen=True)
class Features:
    """Arrays of one panel; rows and columns are those of the panel.

    Attributes
    ----------
    price : ndarray (T, N, F) float32
        PRICE_FEATURES, NaN where a ticker has no bar or fewer than MIN_BARS of history.
    sentiment : ndarray (T, N, S) float32
        SENTIMENT_FEATURES, never NaN: a missing post is told by the mask.
    macro : ndarray (T, M) float32
        Level and change of each series, not scaled; NaN before the first release.
    macro_names : tuple of M str
    scale : ndarray (T, N)
        Daily EWMA volatility of log returns; NaN as price.
    anchor : ndarray (T, N, H)
        The volatility that a forecast over each horizon starts from: ``scale`` times the square root of the
        horizon, wider where a report is expected in it; NaN as price.
    """

    price: Float32Array
    sentiment: Float32Array
    macro: Float32Array
    macro_names: tuple[str, ...]
    scale: FloatArray
    anchor: FloatArray


def build_features(panel: Panel) -> Features:
    """Compute every feature of a panel."""
    T, N = panel.present.shape
    price = np.full((T, N, len(PRICE_FEATURES)), np.nan, dtype=np.float32)
    scale = np.full((T, N), np.nan)
    market = market_of(panel)
    for n in range(N):
        rows = np.flatnonzero(panel.present[:, n])
        if len(rows) <= MIN_BARS:
            continue
        columns, anchor = _own_features(panel, rows, n, market)
        ready = rows[MIN_BARS:]
        price[ready, n] = columns[MIN_BARS:]
        scale[ready, n] = anchor[MIN_BARS:]
    relative = PRICE_FEATURES.index("volatility_to_cross_section")
    level = price[:, :, PRICE_FEATURES.index("log_volatility")]
    count = np.isfinite(level).sum(axis=1)
    price[:, :, relative] = level - (sum_over_tickers(level) / np.maximum(count, 1))[:, None]
    macro_names, macro = _macro_features(panel)
    return Features(
        price=price,
        sentiment=_sentiment_features(panel.sentiment),
        macro=macro,
        macro_names=macro_names,
        scale=scale,
        anchor=_anchor(price, panel, scale, slice(0, T)),
    )


@dataclass(frozen=True)
class LastFeatures:
    """Features of prices and reports of R rows of a panel: arrays as those of Features, (R, N, ...)."""

    price: Float32Array
    scale: FloatArray
    anchor: FloatArray


def last_features(altered: Panel, rows: slice, market: Market, scale: FloatArray) -> LastFeatures:
    """Compute a few rows of a panel that was altered in these rows alone, beside the market as it came.

    Each ticker's own last REMEMBERED_BARS are read: what lies before them changes nothing that float32 tells.
    The volatility relative to the cross-section is left out: it is 0 where others are known.

    Parameters
    ----------
    scale : ndarray (T, N)
        Features.scale before the alteration.
    """
    stop, N = rows.stop, len(altered.tickers)
    price = np.full((stop - rows.start, N, len(PRICE_FEATURES)), np.nan, dtype=np.float32)
    scale = scale[:stop].copy()
    scale[rows] = np.nan
    for n in np.flatnonzero(altered.present[rows].any(axis=0)).tolist():
        own = np.flatnonzero(altered.present[:stop, n])
        asked = own[MIN_BARS:][own[MIN_BARS:] >= rows.start]
        if len(asked):
            columns, anchor = _own_features(altered, own[-REMEMBERED_BARS:], n, market)
            price[asked - rows.start, n] = columns[-len(asked) :]
            scale[asked, n] = anchor[-len(asked) :]
    return LastFeatures(
        price=price,
        scale=scale[rows],
        anchor=_anchor(price, altered, scale, rows),
    )


def _anchor(price: Float32Array, panel: Panel, scale: FloatArray, rows: slice) -> FloatArray:
    """Return Features.anchor of some rows (R, N, H), and write what is told of reports into (R, N, F)."""
    anchor = scale[rows, :, None] * np.sqrt(np.array(HORIZONS, dtype=np.float64))
    if panel.earnings is not None:
        anchor = anchor * _add_reactions(price, panel, scale, rows)
    return np.asarray(anchor)


def _add_reactions(price: Float32Array, panel: Panel, scale: FloatArray, rows: slice) -> FloatArray:
    """Write the reaction features into (R, N, F), and return how much wider each horizon is, (R, N, H).

    The variance of h sessions with n reactions of size k among them is 1 + n (k - 1) / h times the usual one.
    """
    assert panel.earnings is not None  # noqa: S101  the caller asked
    stop = rows.stop
    before = np.full(scale.shape, np.nan)
    before[1:] = scale[:-1]
    size = reaction_size(panel.earnings[:stop, :, 0], panel.log_returns[:stop], before)[rows]
    today, ahead = panel.earnings[rows, :, 0], panel.earnings[rows, :, 1:]
    spread = 0.5 * np.log(size)
    columns = {
        "reaction_today": today,
        "reaction_next": ahead[:, :, 0],
        "reactions_in_5": ahead[:, :, 1],
        "reactions_in_20": ahead[:, :, 2],
        "reaction_size": spread,
        "reaction_next_by_size": ahead[:, :, 0] * spread,
        "reaction_next_by_volatility": ahead[:, :, 0] * price[:, :, PRICE_FEATURES.index("ewma_to_66")],
    }
    ready = np.isfinite(scale[rows])
    for name, values in columns.items():
        price[:, :, PRICE_FEATURES.index(name)] = np.where(ready, values, np.nan)
    lengths = np.array(HORIZONS, dtype=np.float64)
    variance = 1.0 + np.minimum(ahead, lengths) * (size[:, :, None] - 1.0) / lengths
    return np.asarray(np.sqrt(np.maximum(variance, 0.25)))


@dataclass(frozen=True)
class Market:
    """The equally weighted market of the panel's tickers, one value a session (T,)."""

    daily_return: FloatArray
    features: dict[str, FloatArray]


def market_of(panel: Panel) -> Market:
    """Return what the tickers of a panel did together."""
    returns = panel.log_returns
    count = np.isfinite(returns).sum(axis=1)
    mean = sum_over_tickers(returns) / np.maximum(count, 1)
    spread = np.sqrt(sum_over_tickers((returns - mean[:, None]) ** 2) / np.maximum(count, 1))
    squares = mean**2
    volatility = {span: np.sqrt(ewm(squares, span) + 1e-10) for span in (5, 22, 66)}
    usual = np.sqrt(ewm(squares, 500) + 1e-10)
    usual_spread = ewm(spread, 500) + 1e-6
    return Market(
        daily_return=mean,
        features={
            "market_return": mean / volatility[66],
            "market_volatility_5": np.log(volatility[5] / volatility[22]),
            "market_volatility_22": np.log(volatility[22] / volatility[66]),
            "market_volatility_66": np.log(volatility[66] / usual),
            "market_leverage": ewm(np.minimum(mean, 0.0), 10) / volatility[66],
            "dispersion": np.log((ewm(spread, 10) + 1e-6) / usual_spread),
        },
    )


def sum_over_tickers(values: FloatArray | Float32Array) -> FloatArray:
    """Sum (T, N) to (T,) one ticker after another: numpy's own sum would round otherwise with a ticker more.

    So a ticker that is listed later changes no byte of the rows before.
    """
    total = np.zeros(len(values))
    for column in values.T:
        total += np.nan_to_num(column)
    return total


def _own_features(
    panel: Panel, rows: NDArray[np.intp], n: int, market: Market
) -> tuple[Float32Array, FloatArray]:
    """Return (bars, F) and the EWMA volatility (bars,) of one ticker on its own bars."""
    bars = panel.ohlcv[rows, n]
    returns = np.nan_to_num(panel.log_returns[rows, n])
    close_log, open_log = np.log(bars[:, CLOSE]), np.log(bars[:, OPEN])
    high_log = np.log(np.maximum(bars[:, HIGH], bars[:, [OPEN, CLOSE]].max(axis=1)))
    low_log = np.log(np.minimum(bars[:, LOW], bars[:, [OPEN, CLOSE]].min(axis=1)))
    intraday = close_log - open_log
    overnight = returns - intraday
    range_variance = rogers_satchell(open_log, high_log, low_log, close_log) + overnight**2

    squares = returns**2
    vol = {span: np.sqrt(rolling_mean(squares, span) + 1e-10) for span in (5, 22, 66, 250)}
    base = vol[66]
    anchor = np.sqrt(_ewma_variance(squares))
    range_vol = {span: np.sqrt(rolling_mean(range_variance, span) + 1e-10) for span in RANGE_SPANS}
    index = np.cumsum(returns)  # log of the total-return index
    level = np.exp(index)
    traded = np.log(bars[:, CLOSE] * np.maximum(bars[:, VOLUME], 1.0))  # none: a share, not a dollar
    own_market = market.daily_return[rows]
    beta = ewm(returns * own_market, 120) / (ewm(own_market**2, 120) + 1e-8)

    columns: dict[str, FloatArray] = {
        "return": returns / base,
        "log_size_of_return": np.log(np.abs(returns) / base + 0.05),
        "overnight": overnight / base,
        "size_of_overnight": np.log(np.abs(overnight) / base + 0.05),
        "intraday_range": np.log((high_log - low_log) / base + 0.05),
        "volatility_5_to_22": np.log(vol[5] / vol[22]),
        "volatility_22_to_66": np.log(vol[22] / vol[66]),
        "volatility_66_to_250": np.log(vol[66] / vol[250]),
        **{f"range_volatility_{span}": np.log(range_vol[span] / base) for span in RANGE_SPANS},
        "ewma_to_66": np.log(anchor / base),
        "leverage": ewm(np.minimum(returns, 0.0), 10) / base,
        "volume_surprise": traded - rolling_mean(traded, 22),
        "volume_trend": rolling_mean(traded, 5) - rolling_mean(traded, 66),
        **{
            f"gap_to_average_{span}": np.log(level / rolling_mean(level, span)) / (base * np.sqrt(span))
            for span in (20, 50, 200)
        },
        "relative_strength_index": relative_strength_index(returns) / 50.0 - 1.0,
        "macd": (ewm(index, 12) - ewm(index, 26)) / (base * 4.0),
        "bollinger": bollinger(index),
        "stochastic": stochastic(index, 14) * 2.0 - 1.0,
        **{name: values[rows] for name, values in market.features.items()},
        "beta": beta,
        "log_volatility": np.log(base) + 4.2,  # about zero for a stock of 1.5 % a day
        "volatility_to_cross_section": np.zeros(len(rows)),  # filled once all tickers are known
        **{name: np.zeros(len(rows)) for name in PRICE_FEATURES if name.startswith("reaction")},  # so too
    }
    stacked = np.stack([columns[name] for name in PRICE_FEATURES], axis=1)
    return np.clip(stacked, -CLIP, CLIP).astype(np.float32), anchor


def session_variance(panel: Panel) -> FloatArray:
    """Return the variance that each session showed, (T, N): of its range and of the move before it opened.

    Rogers-Satchell of open, high, low and close, plus the square of the overnight move, dividends and splits
    in it; NaN without a bar or a return. One session's says many times more about its volatility than the
    square of its return.
    """
    with np.errstate(invalid="ignore"):
        bars = np.log(panel.ohlcv[:, :, [OPEN, HIGH, LOW, CLOSE]])
    open_log, close_log = bars[:, :, 0], bars[:, :, 3]
    high_log = np.maximum(bars[:, :, 1], np.maximum(open_log, close_log))
    low_log = np.minimum(bars[:, :, 2], np.minimum(open_log, close_log))
    overnight = panel.log_returns - (close_log - open_log)
    return np.asarray(rogers_satchell(open_log, high_log, low_log, close_log) + overnight**2)


def last_sentiment_features(altered: Panel, rows: slice) -> Float32Array:
    """Return (R, N, S) of a few rows of a panel; what lies REMEMBERED_POSTS before them counts no more."""
    first = max(0, rows.start - REMEMBERED_POSTS)
    return _sentiment_features(altered.sentiment[first : rows.stop])[rows.start - first :]


def _sentiment_features(posts: FloatArray) -> Float32Array:
    """Return (T, N, S): today's tone, its memory, disagreement, what is new, counts and the missing mask."""
    tone, spread, count, bull_bear, novelty = (posts[:, :, field] for field in range(5))
    missing = count == 0
    filled = np.where(missing, 0.0, tone)
    weight = ewm(count, 5)
    memory = ewm(filled * count, 5) / (weight + 0.2)
    size = np.log1p(count)
    return np.stack(
        [
            filled,
            memory,
            np.where(missing, 0.0, spread),
            bull_bear,
            np.where(missing, 0.0, novelty),
            size / 3.0,
            size - ewm(size, 22),
            missing.astype(np.float64),
        ],
        axis=2,
    ).astype(np.float32)


def _macro_features(panel: Panel) -> tuple[tuple[str, ...], Float32Array]:
    """Return names and (T, M): levels of rates, growth of the others, and the newest change of both."""
    names: list[str] = []
    columns: list[FloatArray] = []
    for m, series_id in enumerate(panel.macro_series):
        now, before = panel.macro[:, m, 0], panel.macro[:, m, 1]
        if series_id in RATE_SERIES:
            names += [f"{series_id}_level", f"{series_id}_change"]
            columns += [now, now - before]
        else:
            names.append(f"{series_id}_growth")
            with np.errstate(invalid="ignore", divide="ignore"):
                columns.append(np.where((now > 0) & (before > 0), np.log(now / before), np.nan))
    if not columns:
        return (), np.zeros((len(panel.sessions), 0), dtype=np.float32)
    return tuple(names), np.stack(columns, axis=1).astype(np.float32)


# Indicators: each (bars,) in, (bars,) out, causal --------------------------------------------------


def ewm(values: FloatArray, span: float) -> FloatArray:
    """Exponentially weighted mean along axis 0 with centre of mass ``(span - 1) / 2``.

    The weights of the observed rows are normalised, so that the first rows are means of what is there.
    """
    from scipy.signal import lfilter

    decay = 1.0 - 2.0 / (span + 1.0)
    ones = np.ones(len(values))
    weight = lfilter([1.0], [1.0, -decay], ones)
    total = lfilter([1.0], [1.0, -decay], values, axis=0)
    return np.asarray(total / weight.reshape(-1, *([1] * (values.ndim - 1))), dtype=np.float64)


def rolling_mean(values: FloatArray, span: int) -> FloatArray:
    """Mean of the last ``span`` rows, of fewer at the start."""
    total = np.cumsum(np.concatenate([[0.0], values]))
    stop = np.arange(1, len(values) + 1)
    start = np.maximum(stop - span, 0)
    return np.asarray((total[stop] - total[start]) / (stop - start))


def rogers_satchell(
    open_log: FloatArray, high_log: FloatArray, low_log: FloatArray, close_log: FloatArray
) -> FloatArray:
    """Variance within a session from its range, free of drift (Rogers & Satchell 1991)."""
    up = (high_log - close_log) * (high_log - open_log)
    down = (low_log - close_log) * (low_log - open_log)
    return np.maximum(up + down, 0.0)


def relative_strength_index(returns: FloatArray, span: int = 14) -> FloatArray:
    """Share of gains in all moves, 0 to 100 (Wilder 1978, exponential form)."""
    gain, loss = ewm(np.maximum(returns, 0.0), 2 * span - 1), ewm(np.maximum(-returns, 0.0), 2 * span - 1)
    return np.asarray(100.0 * gain / (gain + loss + 1e-12))


def bollinger(index: FloatArray, span: int = 20) -> FloatArray:
    """Distance from the moving average in standard deviations of the last ``span`` levels."""
    mean = rolling_mean(index, span)
    centred = index - index[0]
    variance = rolling_mean(centred**2, span) - rolling_mean(centred, span) ** 2
    return (index - mean) / np.sqrt(np.maximum(variance, 0.0) + 1e-6)


def stochastic(index: FloatArray, span: int) -> FloatArray:
    """Place of the close between the lowest and highest close of the last ``span`` bars, 0 to 1."""
    from scipy.ndimage import maximum_filter1d, minimum_filter1d

    origin = (span - 1) // 2 if span % 2 else span // 2 - 1
    high = maximum_filter1d(index, span, mode="nearest", origin=origin)
    low = minimum_filter1d(index, span, mode="nearest", origin=origin)
    return np.asarray((index - low) / np.maximum(high - low, 1e-9))


def _ewma_variance(squares: FloatArray) -> FloatArray:
    """RiskMetrics variance, started at the mean of the first MIN_BARS squares it would not yet use."""
    from scipy.signal import lfilter

    start = squares[1 : MIN_BARS + 1].mean()
    state = np.array([EWMA_DECAY * start])
    variance, _ = lfilter([1.0 - EWMA_DECAY], [1.0, -EWMA_DECAY], squares, zi=state)
    return np.asarray(np.maximum(variance, 1e-8), dtype=np.float64)
