"""Every setting in words, in groups, and what a person typed as a value of its type."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from desktop_app.settings import (
    BROKERS,
    PARTS,
    QUOTES,
    STRATEGIES,
    THEMES,
    WEIGHTS,
    Settings,
    problem_of,
)


@dataclass(frozen=True, slots=True)
class SettingWords:
    """One setting: ``choices`` are its allowed values (several of them where ``many``), else it is typed."""

    name: str
    title: str
    hint: str = ""
    choices: tuple[str, ...] = ()
    many: bool = False


GROUPS: dict[str, tuple[SettingWords, ...]] = {
    "Look": (
        SettingWords("theme", "Theme", "system follows the desktop", THEMES),
        SettingWords("moving_averages", "Moving averages", "sessions, separated by commas"),
    ),
    "What is collected": (
        SettingWords("communities", "Reddit communities", "without r/, separated by commas"),
        SettingWords("macro_series", "Macro series", "FRED's names, separated by commas"),
        SettingWords("contact", "E-mail for the SEC", "empty: no earnings dates are collected"),
        SettingWords("quotes", "Prices while it trades", "asked each minute, streamed, or off", QUOTES),
    ),
    "Schedule": (
        SettingWords("prices_minutes_after_close", "Prices, minutes after the close"),
        SettingWords("prices_minutes_before_open", "Prices, minutes before the opening"),
        SettingWords("posts_every_minutes", "Posts, every so many minutes"),
        SettingWords("macro_times", "Macro figures at", "times in New York, like 09:00, 17:00"),
        SettingWords("earnings_times", "Earnings dates at", "times in New York"),
    ),
    "Model and alerts": (
        SettingWords("model_parts", "Read beside prices", "counts at the next training", PARTS, many=True),
        SettingWords("alert_p_value", "A session is unusual below", "its probability: 0.01 is 1 in 100"),
        SettingWords("alert_false_share", "Alerts that may be chance", "a share: 0.2 is one in five"),
        SettingWords("alerts_per_month", "Alerts of a ticker in a month", "at most, on average"),
    ),
    "Suggested portfolios": (
        SettingWords("portfolio_max_weight", "Most in one stock", "a share of the account, as 0.25"),
        SettingWords("portfolio_max_sector", "Most in one sector", "a share of the account"),
        SettingWords("portfolio_max_turnover", "Most that changes at once", "a share of the account"),
        SettingWords("portfolio_min_trade", "Smallest change", "a share of the account"),
        SettingWords("portfolio_cost_bp", "Cost of trading", "hundredths of a percent"),
    ),
    "Paper account": (
        SettingWords("broker", "Orders go to", "the embedded account, or Alpaca's paper API", BROKERS),
        SettingWords("paper_cash", "Opened with", "USD"),
        SettingWords("paper_weights", "Rebalances towards", "", WEIGHTS),
        SettingWords("paper_strategies", "Proposes orders for", "", STRATEGIES, many=True),
        SettingWords("paper_most_position", "Most in one stock", "a share of the account"),
        SettingWords("paper_most_order", "Most in one purchase", "a share of the account"),
        SettingWords("paper_most_loss", "Buys nothing after a loss of", "a share, since the last close"),
        SettingWords(
            "paper_most_risk", "Most that a stock may lose", "a share, in 5 sessions, 19 times of 20"
        ),
        SettingWords("paper_most_orders", "Most orders a session"),
        SettingWords("paper_band", "May stray from its weight by", "a share of the account"),
        SettingWords("paper_half_spread_bp", "Half the spread", "hundredths of a percent"),
        SettingWords("paper_fee_bp", "Fee", "hundredths of a percent"),
        SettingWords("paper_least_fee", "Least fee", "USD"),
    ),
}


def text_of(value: Any) -> str:
    """Return a setting's value as a person types it."""
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def value_of(name: str, text: str) -> Any:
    """Return what a person typed as a value of the setting's type.

    Raises
    ------
    ValueError
        It is none; the text says what was expected.
    """
    value = _parsed(getattr(Settings(), name), name, text.strip())
    expected = problem_of(name, list(value) if isinstance(value, tuple) else value)
    if expected:
        raise ValueError(f"expected {expected}")
    return value


def _parsed(default: Any, name: str, text: str) -> Any:
    try:
        if isinstance(default, tuple):
            items = [item.strip() for item in text.split(",") if item.strip()]
            return tuple(int(item) for item in items) if name == "moving_averages" else tuple(items)
        if isinstance(default, float):
            return float(text.replace(",", ""))
        return int(text.replace(",", "")) if isinstance(default, int) else text
    except ValueError:
        what = "a number" if isinstance(default, float) else "whole numbers"
        raise ValueError(f"expected {what}") from None


def told() -> set[str]:
    """Return the names of the settings that stand in GROUPS."""
    return {words.name for group in GROUPS.values() for words in group}


def all_settings() -> set[str]:
    """Return the names of all settings."""
    return {field.name for field in fields(Settings)}
