"""What was unusual in a session, by one scale for all: how improbable it was under what had been expected.

Each measure gives a probability: the return under its forecast, the others among past scores (measures).
A ticker's are combined into one (joint); which of those are alerts is a choice, made elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fusion_model.advice.joint import LEAST_P, cauchy_combination
from fusion_model.advice.measures import Measured, measured, p_values
from fusion_model.advice.reasons import (
    Seen,
    joint_sentence,
    market_sentence,
    reports_and_releases,
    sentence,
)
from fusion_model.dataset.panel import FloatArray, Panel
from fusion_model.distribution import cumulative_probability
from fusion_model.findings import MARKET, QUANTILE_LEVELS, Anomaly, Forecast

REPORTED_P = 0.01  # findings are kept down to one in a hundred; who sees which is a choice
WORTH_A_WORD = 0.05  # of a measure, in the reason of an unusual session
NAMED_NEIGHBOURS = 4
TICKER_MEASURES = ("return", "range", "volume", "spread", "post_count", "sentiment")
MARKET_MEASURES = ("turbulence", "market_move")  # of which one probability is made
POST_MEASURES = ("post_count", "sentiment")
INNER_LOW, MEDIAN, INNER_HIGH = (QUANTILE_LEVELS.index(level) for level in (0.05, 0.5, 0.95))


def find_anomalies(
    panel: Panel,
    forecasts: Sequence[Forecast],
    reported_p: float = REPORTED_P,
    said: Callable[[str], str] | None = None,
) -> list[Anomaly]:
    """Compare the panel's last session with what was expected one session earlier; see ``judge``."""
    return judge(measured(panel), panel.sessions[-1], forecasts, reported_p, said)


def judge(
    known: Measured,
    session: str,
    forecasts: Sequence[Forecast],
    reported_p: float = REPORTED_P,
    said: Callable[[str], str] | None = None,
) -> list[Anomaly]:
    """Compare one session with what was expected of it.

    Parameters
    ----------
    known : Measured
        Every measure of a panel that reaches to the session or beyond; later rows are not looked at.
    forecasts : sequence of Forecast
        One-session forecasts as of the session before; others are passed over.
    said : callable, optional
        Gives what a post on a ticker said in this session, or an empty text; asked where posts were unusual.

    Returns
    -------
    Measures and the market where the p-value is at most ``reported_p``, and beside each such ticker, or
    where it alone is that small, all its measures together (``joint``). Least probable first.
    """
    row = known.panel.position(session)
    if row == 0:
        return []
    of_measure = {"return": _returns_under_forecasts(known.panel, row, forecasts)} | {
        name: p_values(measure, row, known.reports) for name, measure in known.by_name.items()
    }
    together = np.stack([of_measure[name] for name in TICKER_MEASURES], axis=1)  # (N, K)
    joint = cauchy_combination(together)
    bounds = {said_of.ticker: said_of for said_of in forecasts if said_of.horizon == 1}
    found: list[Anomaly] = []
    for n in np.flatnonzero(np.fmin(np.min(np.nan_to_num(together, nan=1.0), axis=1), joint) <= reported_p):
        seen = _seen(known, row, int(n), together[n], bounds.get(known.panel.tickers[n]))
        ticker = known.panel.tickers[n]
        found += [
            Anomaly(
                ticker, session, one.measure, one.observed, one.expected, one.p_value, sentence(ticker, one)
            )
            for one in seen
            if one.p_value <= reported_p
        ]
        found.append(_joint(known, row, int(n), seen, float(joint[n]), said))
    market = cauchy_combination([[of_measure[name][0] for name in MARKET_MEASURES]])
    found += _market(known, row, float(market[0]), reported_p)
    return sorted(found, key=lambda one: (one.p_value, one.ticker, one.measure))


def return_p_values(quantiles: FloatArray, realised: FloatArray) -> FloatArray:
    """Return (n,) two-sided probabilities under forecasts (n, Q), heavy tails beyond the outer quantiles."""
    below = cumulative_probability(quantiles, realised)
    return np.clip(2.0 * np.minimum(below, 1.0 - below), LEAST_P, 1.0)


def _returns_under_forecasts(panel: Panel, row: int, forecasts: Sequence[Forecast]) -> FloatArray:
    column_of = {ticker: n for n, ticker in enumerate(panel.tickers)}
    found = np.full(len(panel.tickers), np.nan)
    made = [
        said
        for said in forecasts
        if (said.horizon, said.as_of_session) == (1, panel.sessions[row - 1]) and said.ticker in column_of
    ]
    if made:
        columns = [column_of[said.ticker] for said in made]
        quantiles = np.array([said.quantiles for said in made])
        found[columns] = return_p_values(quantiles, panel.log_returns[row, columns])
    return found


def _seen(known: Measured, row: int, n: int, p: FloatArray, forecast: Forecast | None) -> list[Seen]:
    """Return what each measure saw that knows something, least probable first."""
    seen = []
    for name, p_value in zip(TICKER_MEASURES, p, strict=True):
        if not np.isfinite(p_value):
            continue
        if name == "return":
            if forecast is None:
                continue
            q = forecast.quantiles
            moved = float(known.panel.log_returns[row, n])
            seen.append(Seen(name, moved, q[MEDIAN], float(p_value), q[INNER_LOW], q[INNER_HIGH]))
            continue
        measure = known.by_name[name]
        seen.append(
            Seen(
                name,
                float(measure.observed[row, n]),
                float(measure.expected[row, n]),
                float(p_value),
                posts=int(known.panel.sentiment[row, n, 2]) if name in POST_MEASURES else 0,
                beside=_neighbours(known, row, n) if name == "spread" else (),
            )
        )
    return sorted(seen, key=lambda one: one.p_value)


def _joint(
    known: Measured,
    row: int,
    n: int,
    seen: Sequence[Seen],
    p_value: float,
    said: Callable[[str], str] | None,
) -> Anomaly:
    """Observed: how many measures were below WORTH_A_WORD; expected: how many of an ordinary session are."""
    panel = known.panel
    told = [one for one in seen if one.p_value <= WORTH_A_WORD]
    posts = any(one.measure in POST_MEASURES for one in told)
    return Anomaly(
        ticker=panel.tickers[n],
        session=panel.sessions[row],
        measure="joint",
        observed=float(len(told)),
        expected=WORTH_A_WORD * len(seen),
        p_value=p_value,
        reason=joint_sentence(
            told,
            float(panel.log_returns[row, n]),
            p_value,
            reports_and_releases(panel, row, n),
            said(panel.tickers[n]) if said is not None and posts else "",
        ),
    )


def _market(known: Measured, row: int, p_value: float, reported_p: float) -> list[Anomaly]:
    if not p_value <= reported_p:
        return []
    measure, panel = known.by_name["turbulence"], known.panel
    returns = panel.log_returns[row]
    distance = float(measure.observed[row, 0])
    reason = " ".join(
        [
            market_sentence(
                int((returns > 0).sum()),
                int((returns < 0).sum()),
                float(np.nanmedian(returns)),
                distance,
                p_value,
            ),
            *reports_and_releases(panel, row),
        ]
    )
    return [Anomaly(MARKET, panel.sessions[row], "turbulence", distance, 1.0, p_value, reason)]


def _neighbours(known: Measured, row: int, n: int) -> tuple[str, ...]:
    columns, _ = known.neighbours.at(row - 1)
    return tuple(known.panel.tickers[k] for k in columns[n, :NAMED_NEIGHBOURS] if k >= 0)
