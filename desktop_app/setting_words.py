"""Every setting in words, in groups, and what a person typed as a value of its type."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from desktop_app.order_rows import STRATEGY_NAMES
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
from fusion_model.portfolio_findings import METHOD_NAMES
from resources.language import tr


@dataclass(frozen=True, slots=True)
class SettingWords:
    """One setting: ``choices`` are its allowed values (several of them where ``many``), else it is typed."""

    name: str
    title: str
    hint: str = ""
    choices: tuple[str, ...] = ()
    many: bool = False


GROUPS: dict[str, tuple[SettingWords, ...]] = {
    tr("Look"): (
        SettingWords("theme", tr("Theme"), choices=THEMES),
        SettingWords("language", tr("Language"), tr("counts at the next start of the window")),
        SettingWords("moving_averages", tr("Moving averages"), tr("sessions, separated by commas")),
    ),
    tr("What is collected"): (
        SettingWords("communities", tr("Reddit communities"), tr("without r/, separated by commas")),
        SettingWords("macro_series", tr("Macro series"), tr("FRED's names, separated by commas")),
        SettingWords("contact", tr("E-mail for the SEC"), tr("empty: no earnings dates are collected")),
        SettingWords("quotes", tr("Prices while it trades"), choices=QUOTES),
    ),
    tr("Schedule"): (
        SettingWords("prices_minutes_after_close", tr("Prices, minutes after the close")),
        SettingWords("prices_minutes_before_open", tr("Prices, minutes before the opening")),
        SettingWords("posts_every_minutes", tr("Posts, every so many minutes")),
        SettingWords("macro_times", tr("Macro figures at"), tr("times in New York, like 09:00, 17:00")),
        SettingWords("earnings_times", tr("Earnings dates at"), tr("times in New York")),
    ),
    tr("Model and alerts"): (
        SettingWords(
            "model_parts", tr("Read beside prices"), tr("counts at the next training"), PARTS, many=True
        ),
        SettingWords(
            "alert_p_value", tr("A session is unusual below"), tr("its probability: 0.01 is 1 in 100")
        ),
        SettingWords("alert_false_share", tr("Alerts that may be chance"), tr("a share: 0.2 is one in five")),
        SettingWords("alerts_per_month", tr("Alerts of a ticker in a month"), tr("at most, on average")),
    ),
    tr("Suggested portfolios"): (
        SettingWords("portfolio_max_weight", tr("Most in one stock"), tr("a share of the account, as 0.25")),
        SettingWords("portfolio_max_sector", tr("Most in one sector"), tr("a share of the account")),
        SettingWords("portfolio_max_turnover", tr("Most that changes at once"), tr("a share of the account")),
        SettingWords("portfolio_min_trade", tr("Smallest change"), tr("a share of the account")),
        SettingWords("portfolio_cost_bp", tr("Cost of trading"), tr("hundredths of a percent")),
    ),
    tr("Paper account"): (
        SettingWords("broker", tr("Orders go to"), choices=BROKERS),
        SettingWords("paper_cash", tr("Opened with"), "USD"),
        SettingWords("paper_weights", tr("Rebalances towards"), "", WEIGHTS),
        SettingWords("paper_strategies", tr("Proposes orders for"), "", STRATEGIES, many=True),
        SettingWords("paper_most_position", tr("Most in one stock"), tr("a share of the account")),
        SettingWords("paper_most_order", tr("Most in one purchase"), tr("a share of the account")),
        SettingWords(
            "paper_most_loss", tr("Buys nothing after a loss of"), tr("a share, since the last close")
        ),
        SettingWords(
            "paper_most_risk", tr("Most that a stock may lose"), tr("a share, in 5 sessions, 19 times of 20")
        ),
        SettingWords("paper_most_orders", tr("Most orders a session")),
        SettingWords("paper_band", tr("May stray from its weight by"), tr("a share of the account")),
        SettingWords("paper_half_spread_bp", tr("Half the spread"), tr("hundredths of a percent")),
        SettingWords("paper_fee_bp", tr("Fee"), tr("hundredths of a percent")),
        SettingWords("paper_least_fee", tr("Least fee"), "USD"),
    ),
}

CHOICE_NAMES: dict[str, str] = {
    "system": tr("as the desktop"),
    "light": tr("light"),
    "dark": tr("dark"),
    "off": tr("off"),
    "minute": tr("each minute"),
    "stream": tr("streamed"),
    "paper": tr("the embedded account"),
    "alpaca": tr("Alpaca's paper API"),
    "sentiment": tr("sentiment"),
    "macro": tr("macro"),
    "graph": tr("graph"),
    "trees": tr("trees"),
    **STRATEGY_NAMES,
    **{method: tr(name) for method, name in METHOD_NAMES.items()},
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
        raise ValueError(tr("expected {expected}", expected=expected))
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
        what = tr("a number") if isinstance(default, float) else tr("whole numbers")
        raise ValueError(tr("expected {expected}", expected=what)) from None


def told() -> set[str]:
    """Return the names of the settings that stand in GROUPS."""
    return {words.name for group in GROUPS.values() for words in group}


def all_settings() -> set[str]:
    """Return the names of all settings."""
    return {field.name for field in fields(Settings)}
