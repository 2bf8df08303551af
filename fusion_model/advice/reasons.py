"""How an unusual session is told to a person: how often such a thing was expected, and what came with it."""

from __future__ import annotations

import numpy as np

SESSIONS_OF_A_YEAR = 252
NEXT_TO_IMPOSSIBLE = 1e-5  # below that, "once in four hundred years" says more than anyone knows


def how_often(p_value: float) -> str:
    """Say a probability per session as a person would."""
    if p_value < NEXT_TO_IMPOSSIBLE:
        return "was thought next to impossible"
    sessions = 1.0 / p_value
    if sessions < SESSIONS_OF_A_YEAR:
        return f"was expected once in {sessions:.0f} sessions"
    years = sessions / SESSIONS_OF_A_YEAR
    return f"was expected once in {years:,.0f} {'year' if round(years) == 1 else 'years'}"


def percent(log_return: float) -> str:
    """Return a log return as a signed change in percent."""
    return f"{np.expm1(log_return) * 100:+.1f} %"
