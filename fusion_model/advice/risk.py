"""What may be lost: volatility, value at risk, expected shortfall and drawdown, of stocks and of holdings.

Of a stock everything is read from its own forecast; of holdings, from joint scenarios of their forecasts
(advice.scenarios). Losses are positive fractions of wealth, returns simple and total.

Shapes: S scenarios, N holdings, Q quantiles.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from collectors.errors import BadInput
from fusion_model.advice.drawdown import scenario_drawdowns
from fusion_model.advice.scenarios import SCENARIOS, Scenarios, joint_scenarios
from fusion_model.advice.tails import (
    expected_shortfall,
    fit_tail,
    sample_value_at_risk,
    value_at_risk,
    worst_count,
)
from fusion_model.dataset.panel import FloatArray, Panel
from fusion_model.distribution import value_at
from fusion_model.findings import HORIZONS, TAIL_SHAPE, Forecast
from fusion_model.risk_findings import RiskComponent, RiskReport, TailSession

GRID = 2000  # outcomes of a stock that its volatility is computed on
MOST_WEIGHT = 1.0 + 1e-6
TAIL_SESSIONS = 5  # past sessions named behind the worst scenarios
WORST, BAD = 0.01, 0.05


@dataclass(frozen=True)
class Holdings:
    """Weights of wealth by ticker, none below zero, together at most 1; what they leave is cash.

    ``value`` is the wealth in USD, 0 where only weights are known.
    """

    weights: Mapping[str, float]
    value: float = 0.0

    @property
    def tickers(self) -> tuple[str, ...]:
        """Sorted."""
        return tuple(sorted(self.weights))

    @property
    def subject(self) -> str:
        """A name that is the same for the same weights: ``portfolio-`` and a hash of them."""
        told = json.dumps([(ticker, round(self.weights[ticker], 6)) for ticker in self.tickers])
        return f"portfolio-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def holdings_from_weights(weights: Mapping[str, float], value: float = 0.0) -> Holdings:
    """Check weights.

    Raises
    ------
    BadInput
        None at all, one that is no positive number, or a sum above 1.
    """
    if not weights:
        raise BadInput("no holdings were given; expected something like AAPL=0.4,MSFT=0.6")
    for ticker, weight in weights.items():
        if not np.isfinite(weight) or weight <= 0:
            raise BadInput(f"the weight of {ticker} is {weight}; expected a number above 0 (long only)")
    total = sum(weights.values())
    if total > MOST_WEIGHT:
        raise BadInput(
            f"the weights sum to {total:.4f}; expected at most 1 (the rest is cash): divide each by the sum, "
            "or give numbers of shares with --shares"
        )
    return Holdings(dict(weights), value)


def holdings_from_shares(shares: Mapping[str, float], closes: Mapping[str, float]) -> Holdings:
    """Return the weights of numbers of shares at the last closes, in USD.

    Raises
    ------
    BadInput
        None at all, a number that is not above 0, or a ticker without a close.
    """
    for ticker, number in shares.items():
        if ticker not in closes:
            raise BadInput(f"{ticker} has no close at that session: import or collect its prices first")
        if not np.isfinite(number) or number <= 0:
            raise BadInput(f"the number of shares of {ticker} is {number}; expected one above 0 (long only)")
    worth = {ticker: number * closes[ticker] for ticker, number in shares.items()}
    value = sum(worth.values())
    return holdings_from_weights({ticker: part / value for ticker, part in worth.items()}, value)


@dataclass(frozen=True)
class PortfolioRisk:
    """Everything the joint scenarios say of holdings, over each horizon."""

    reports: tuple[RiskReport, ...]
    components: tuple[RiskComponent, ...]
    tail_sessions: tuple[TailSession, ...]


def stock_risk(forecasts: Sequence[Forecast]) -> list[RiskReport]:
    """Return the risk of each forecast, in their order.

    Its tail beyond the outer quantiles is the forecasts' own: a generalised Pareto of TAIL_SHAPE.
    """
    if not forecasts:
        return []
    quantiles = np.array([forecast.quantiles for forecast in forecasts])  # (n, Q)
    volatility = np.expm1(value_at(quantiles, (np.arange(GRID) + 0.5) / GRID)).std(axis=1)
    bad, worst, rare = (value_at_risk(quantiles, share) for share in (BAD, WORST, 0.001))
    es_bad, es_worst = (expected_shortfall(quantiles, share) for share in (BAD, WORST))
    return [
        RiskReport(
            subject=forecast.ticker,
            as_of_session=forecast.as_of_session,
            horizon=forecast.horizon,
            target_session=forecast.target_session,
            value=0.0,
            volatility=float(volatility[row]),
            var_95=float(bad[row]),
            es_95=float(es_bad[row]),
            var_99=float(worst[row]),
            es_99=float(es_worst[row]),
            var_999=float(rare[row]),
            tail_shape=TAIL_SHAPE,
            drawdown_95=None,
            model_version=forecast.model_version,
        )
        for row, forecast in enumerate(forecasts)
    ]


def portfolio_risk(
    panel: Panel,
    forecasts: Sequence[Forecast],
    holdings: Holdings,
    *,
    horizons: Sequence[int] = HORIZONS,
    count: int = SCENARIOS,
    seed: int = 0,
) -> PortfolioRisk:
    """Return the risk of holdings that are kept to the end of each horizon.

    Beyond 1 % the loss of a session in a thousand is read from a generalised Pareto tail, fitted to the worst
    5 % of the scenarios.

    Raises
    ------
    BadInput
        A holding is not forecast.
    NotEnoughHistory
        The holdings have too few sessions in common.
    """
    forecast_of = {(forecast.ticker, forecast.horizon): forecast for forecast in forecasts}
    reports, components, behind = [], [], []
    weights = np.array([holdings.weights[ticker] for ticker in holdings.tickers])
    for horizon in horizons:
        missing = [ticker for ticker in holdings.tickers if (ticker, horizon) not in forecast_of]
        if missing:
            raise BadInput(
                f"{missing[0]} has no forecast over {horizon} sessions: it needs about a year of prices, and "
                "`barograph refresh`; or leave it out"
            )
        chosen = [forecast_of[ticker, horizon] for ticker in holdings.tickers]
        drawn = joint_scenarios(panel, chosen, horizon, count=count, seed=seed)
        drawdowns = scenario_drawdowns(panel, drawn, weights, [one.volatility for one in chosen])
        reports.append(_report(drawn, weights, holdings, drawdowns, chosen[0].model_version))
        components += _components(drawn, weights, holdings.subject)
        behind += _tail_sessions(panel, drawn, weights, holdings.subject)
    return PortfolioRisk(tuple(reports), tuple(components), tuple(behind))


def _report(
    drawn: Scenarios, weights: FloatArray, holdings: Holdings, drawdowns: FloatArray, version: str
) -> RiskReport:
    returns = drawn.of_portfolio(weights)
    tail = fit_tail(-returns)
    ordered = np.sort(returns)
    return RiskReport(
        subject=holdings.subject,
        as_of_session=drawn.as_of_session,
        horizon=drawn.horizon,
        target_session=drawn.target_session,
        value=holdings.value,
        volatility=float(returns.std()),
        var_95=sample_value_at_risk(returns, BAD),
        es_95=float(-ordered[: worst_count(len(ordered), BAD)].mean()),
        var_99=sample_value_at_risk(returns, WORST),
        es_99=float(-ordered[: worst_count(len(ordered), WORST)].mean()),
        var_999=min(tail.value_at_risk(0.001), 1.0),
        tail_shape=tail.shape,
        drawdown_95=sample_value_at_risk(-drawdowns, BAD),
        model_version=version,
    )


def _components(drawn: Scenarios, weights: FloatArray, subject: str) -> list[RiskComponent]:
    returns = drawn.of_portfolio(weights)
    volatility = volatility_parts(drawn.returns, weights)
    bad, worst = (shortfall_parts(drawn.returns, weights, share) for share in (BAD, WORST))
    in_worst = drawn.returns[np.argsort(returns, kind="stable")[: worst_count(len(returns), WORST)]].mean(
        axis=0
    )
    return [
        RiskComponent(
            subject=subject,
            as_of_session=drawn.as_of_session,
            horizon=drawn.horizon,
            ticker=ticker,
            weight=float(weights[n]),
            volatility_part=float(volatility[n]),
            es_95_part=float(bad[n]),
            es_99_part=float(worst[n]),
            tail_return=float(in_worst[n]),
        )
        for n, ticker in enumerate(drawn.tickers)
    ]


def volatility_parts(returns: FloatArray, weights: FloatArray) -> FloatArray:
    """Return (N,) each holding's part of the portfolio's volatility; they sum to it (Euler).

    A part divided by its weight is the marginal contribution: how fast volatility grows with that weight.
    """
    centred = returns - returns.mean(axis=0)
    whole = centred @ weights
    deviation = float(np.sqrt((whole**2).mean()))
    return np.asarray(
        weights * (centred.T @ whole) / len(whole) / deviation if deviation > 0 else 0.0 * weights
    )


def shortfall_parts(returns: FloatArray, weights: FloatArray, share: float) -> FloatArray:
    """Return (N,) each holding's part of the expected shortfall; they sum to it (Euler; Tasche 1999).

    It is what the holding loses on average in the worst share of the portfolio's scenarios.
    """
    whole = returns @ weights
    worst = np.argsort(whole, kind="stable")[: worst_count(len(whole), share)]
    return np.asarray(-weights * returns[worst].mean(axis=0))


def _tail_sessions(panel: Panel, drawn: Scenarios, weights: FloatArray, subject: str) -> list[TailSession]:
    """Name the past sessions that the worst scenarios were drawn from most, with what they would cost now."""
    returns = drawn.of_portfolio(weights)
    worst = np.argsort(returns, kind="stable")[: worst_count(len(returns), WORST)]
    rows, place = np.unique(drawn.source[worst], return_inverse=True)
    mean = np.bincount(place, returns[worst]) / np.bincount(place)
    order = np.argsort(mean, kind="stable")
    told: list[TailSession] = []
    for n in order:
        row = int(rows[n])
        if any(abs(panel.position(one.last_session) - row) < drawn.horizon for one in told):
            continue  # overlapping windows are one event
        told.append(
            TailSession(
                subject=subject,
                as_of_session=drawn.as_of_session,
                horizon=drawn.horizon,
                first_session=panel.sessions[row - drawn.horizon],
                last_session=panel.sessions[row],
                change=float(mean[n]),
            )
        )
        if len(told) == TAIL_SESSIONS:
            break
    return told
