"""What was unusual in a session: how improbable its return, volume and posts were beforehand.

One scale for all three: the probability, under what was expected at the close before, of something at
least as extreme.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import nbinom, poisson

from fusion_model.advice.reasons import how_often, percent
from fusion_model.dataset.panel import CLOSE, VOLUME, FloatArray, Panel
from fusion_model.distribution import cumulative_probability
from fusion_model.findings import QUANTILE_LEVELS, Anomaly, Forecast

REPORTED_P = 0.01  # findings are kept down to one in a hundred; who sees which is a choice
VOLUME_HABIT = 22  # sessions that set what a usual volume is
VOLUME_MEMORY = 500  # sessions of past surprises that a volume is compared with
MIN_SURPRISES = 1000
MIN_SCATTER = 1e-6  # of the log volume; a volume that never changed has no surprises but rounding
POST_HABIT = 60  # sessions
MIN_POSTS = 20  # in POST_HABIT sessions, before a count means anything


def find_anomalies(
    panel: Panel, forecasts: Sequence[Forecast], reported_p: float = REPORTED_P
) -> list[Anomaly]:
    """Compare the panel's last session with what was expected one session earlier.

    Parameters
    ----------
    panel : Panel
        As of the session that is judged.
    forecasts : sequence of Forecast
        One-session forecasts as of the session before; others are passed over.

    Returns
    -------
    Anomalies with a p-value of at most ``reported_p``, least probable first.
    """
    if len(panel.sessions) < 2:
        return []
    found = [
        *_unusual_returns(panel, forecasts),
        *_unusual_volumes(panel),
        *_unusual_post_counts(panel),
    ]
    kept = [anomaly for anomaly in found if anomaly.p_value <= reported_p]
    return sorted(kept, key=lambda anomaly: (anomaly.p_value, anomaly.ticker, anomaly.measure))


def _unusual_returns(panel: Panel, forecasts: Sequence[Forecast]) -> list[Anomaly]:
    """Two-sided, under the forecast's own distribution, with its heavy tails beyond the outer quantiles."""
    session, before = panel.sessions[-1], panel.sessions[-2]
    column_of = {ticker: n for n, ticker in enumerate(panel.tickers)}
    found = []
    for forecast in forecasts:
        if (forecast.horizon, forecast.as_of_session) != (1, before) or forecast.ticker not in column_of:
            continue
        realised = float(panel.log_returns[-1, column_of[forecast.ticker]])
        if not np.isfinite(realised):
            continue
        below = float(cumulative_probability(np.array(forecast.quantiles), realised))
        p_value = max(2.0 * min(below, 1.0 - below), 1e-12)
        low, high = _central_range(forecast, 0.90)
        found.append(
            Anomaly(
                ticker=forecast.ticker,
                session=session,
                measure="return",
                observed=realised,
                expected=forecast.quantiles[QUANTILE_LEVELS.index(0.5)],
                p_value=p_value,
                reason=(
                    f"The price moved {percent(realised)} (dividends included). The evening before, nine in "
                    f"ten outcomes were expected between {percent(low)} and {percent(high)}; "
                    f"a move this far out {how_often(p_value)}."
                ),
            )
        )
    return found


def _unusual_volumes(panel: Panel) -> list[Anomaly]:
    """Upper tail: today's surprise among those of all tickers over the last sessions.

    A surprise is the log of the dollar volume against its mean over VOLUME_HABIT earlier sessions, in
    units of the ticker's own usual surprise.
    """
    rows = slice(max(0, len(panel.sessions) - VOLUME_MEMORY - VOLUME_HABIT - 1), None)
    with np.errstate(divide="ignore", invalid="ignore"):
        traded = np.log(panel.ohlcv[rows, :, CLOSE] * panel.ohlcv[rows, :, VOLUME])
    traded[~np.isfinite(traded)] = np.nan
    usual = np.full(traded.shape, np.nan)
    for t in range(VOLUME_HABIT, len(traded)):
        usual[t] = traded[t - VOLUME_HABIT : t].mean(axis=0)  # NaN where a session is missing
    surprise = traded - usual
    past = surprise[:-1]
    known = np.isfinite(past)
    count = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(np.nansum(past**2, axis=0) / count)
        standardised = past / spread
    judged = (count >= VOLUME_HABIT) & (spread > MIN_SCATTER)
    standard = np.sort(standardised[known & judged])
    if len(standard) < MIN_SURPRISES:
        return []
    found = []
    for n in np.flatnonzero(np.isfinite(surprise[-1]) & judged):
        p_value = upper_tail(standard, float(surprise[-1, n] / spread[n]))
        shares, expected = float(panel.ohlcv[-1, n, VOLUME]), _usual_shares(panel, int(n), usual[-1])
        found.append(
            Anomaly(
                ticker=panel.tickers[n],
                session=panel.sessions[-1],
                measure="volume",
                observed=shares,
                expected=expected,
                p_value=p_value,
                reason=(
                    f"{shares:,.0f} shares changed hands, {shares / expected:.1f} times the usual "
                    f"{expected:,.0f} of the last {VOLUME_HABIT} sessions; so many {how_often(p_value)}."
                ),
            )
        )
    return found


def _unusual_post_counts(panel: Panel) -> list[Anomaly]:
    """Upper tail of a negative binomial with the mean and the scatter of the last POST_HABIT sessions."""
    counts = panel.sentiment[-(POST_HABIT + 1) :, :, 2]
    if len(counts) <= POST_HABIT:
        return []
    found = []
    for n in np.flatnonzero(counts[:-1].sum(axis=0) >= MIN_POSTS):
        past, today = counts[:-1, n], int(counts[-1, n])
        mean, variance = float(past.mean()), float(past.var(ddof=1))
        if variance > mean:
            size = mean**2 / (variance - mean)
            p_value = float(nbinom.sf(today - 1, size, size / (size + mean)))
        else:
            p_value = float(poisson.sf(today - 1, mean))
        found.append(
            Anomaly(
                ticker=panel.tickers[n],
                session=panel.sessions[-1],
                measure="post_count",
                observed=float(today),
                expected=mean,
                p_value=p_value,
                reason=(
                    f"{today} posts spoke of {panel.tickers[n]}, against {mean:.1f} on an average of the "
                    f"last {POST_HABIT} sessions; so many {how_often(p_value)}."
                ),
            )
        )
    return found


def upper_tail(ordered: FloatArray, value: float) -> float:
    """Share of a sorted sample at least as large; beyond its top percent, an exponential tail goes on."""
    n = len(ordered)
    above = n - int(np.searchsorted(ordered, value, side="left"))
    start = int(0.99 * n)
    if above > n - start:
        return (above + 1) / (n + 1)
    threshold = ordered[start]
    excess = float((ordered[start:] - threshold).mean())
    return 0.01 * float(np.exp(-(value - threshold) / max(excess, 1e-12)))


def _usual_shares(panel: Panel, n: int, usual: FloatArray) -> float:
    return float(np.exp(usual[n]) / panel.ohlcv[-1, n, CLOSE])


def _central_range(forecast: Forecast, share: float) -> tuple[float, float]:
    low = QUANTILE_LEVELS.index(round((1.0 - share) / 2.0, 4))
    return forecast.quantiles[low], forecast.quantiles[-1 - low]
