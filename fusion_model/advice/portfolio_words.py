"""A suggested portfolio in words: what it changes, and whether its method was ever better than 1/N."""

from __future__ import annotations

from fusion_model.portfolio_findings import EQUAL_WEIGHT, WalkScore

SURE = 1.96  # of a t, 95 %


def suggestion_in_words(
    *,
    method: str,
    horizon: int,
    cvar: float,
    current_cvar: float | None,
    cost: float,
    mine: WalkScore | None,
    base: WalkScore | None,
    span: tuple[str, str],
    overfitting: float | None,
    note: str,
) -> str:
    """Return what to know of a suggestion: the worst twentieth, the past beside 1/N, and what it leaves out.

    ``mine`` and ``base`` are the walk's scores of the method and of 1/N; None without one: ``note`` tells.
    """
    said = [
        f"In the worst twentieth of what the forecasts hold possible over {horizon} sessions, it would lose "
        f"{_percent(cvar, 1)} on average"
        + ("." if current_cvar is None else f"; what is held now would lose {_percent(current_cvar, 1)}.")
    ]
    if mine is None or base is None:
        said.append(f"Whether the method was better than 1/N could not be seen: {note}.")
    elif method == EQUAL_WEIGHT:
        said.append(
            f"This is 1/N, the same weight in each, by which the others are measured: from {span[0]} to "
            f"{span[1]}, after {cost * 1e4:.0f} bp a side, its Sharpe ratio was {base.sharpe:.2f}, its "
            f"volatility {_percent(base.volatility, 1)} a year."
        )
    else:
        said.append(_beside(mine, base, span, cost))
    if mine is not None and overfitting is not None and method != EQUAL_WEIGHT:
        said.append(
            f"Of all ways to split that time in two, the best method of one half was among the worse ones of "
            f"the other in {_percent(overfitting, 0)}."
        )
    said.append("It says nothing of direction: expected returns are taken as equal.")
    return " ".join(said)


def _beside(mine: WalkScore, base: WalkScore, span: tuple[str, str], cost: float) -> str:
    verdict = "did not beat 1/N"
    if mine.sharpe_low > 0:
        verdict = "beat 1/N"
    elif mine.sharpe_high < 0:
        verdict = "was worse than 1/N"
    calmer = "no calmer beyond doubt"
    if mine.risk_t < -SURE:
        calmer = "calmer from day to day"
    elif mine.risk_t > SURE:
        calmer = "wilder from day to day"
    apart = f"{mine.sharpe_low:+.2f} to {mine.sharpe_high:+.2f}".replace("-", "−")
    return (
        f"From {span[0]} to {span[1]}, after {cost * 1e4:.0f} bp a side, the method {verdict} (the same "
        f"weight in each): return a year over volatility, the Sharpe ratio, was {mine.sharpe:.2f} against "
        f"{base.sharpe:.2f} (95 % of the difference {apart}). It was {calmer}: volatility "
        f"{_percent(mine.volatility, 1)} against {_percent(base.volatility, 1)} a year; its deepest fall was "
        f"{_percent(mine.drawdown, 0)} against {_percent(base.drawdown, 0)}."
    )


def _percent(fraction: float, digits: int) -> str:
    return f"{fraction * 100:.{digits}f} %"
