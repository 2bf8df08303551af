"""What a person may change: one frozen dataclass, kept as JSON in the home folder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from collectors.errors import BadInput, ConfigurationError
from resources.language import tr

SETTINGS_NAME = "settings.json"
THEMES = ("system", "light", "dark")
PARTS = ("sentiment", "macro", "graph", "trees")
QUOTES = ("off", "minute", "stream")
BROKERS = ("paper", "alpaca")
WEIGHTS = ("equal_weight", "min_cvar", "hierarchical_risk_parity", "equal_risk", "max_diversification")
STRATEGIES = ("rebalance", "risk", "protective", "unusual")
SHARES_OF_ACCOUNT = (
    "portfolio_max_weight",
    "portfolio_max_sector",
    "portfolio_max_turnover",
    "paper_most_position",
    "paper_most_order",
    "paper_most_loss",
    "paper_most_risk",
    "paper_band",
)
AMOUNTS = {  # from, to
    "portfolio_cost_bp": (0, 500),
    "portfolio_min_trade": (0, 0.4),
    "paper_cash": (100, 1e9),
    "paper_half_spread_bp": (0, 500),
    "paper_fee_bp": (0, 500),
    "paper_least_fee": (0, 100),
}
MINUTES = {  # from, to
    "prices_minutes_after_close": (5, 600),
    "prices_minutes_before_open": (5, 600),
    "posts_every_minutes": (5, 1440),
}
TRANSLATIONS = "locale"  # folder of the home for translations of its own
LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Za-z]{2,8})?")
TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


@dataclass(frozen=True, slots=True)
class Settings:
    """Every choice with a default that works.

    ``theme`` is one of THEMES; ``language`` names the translation of the window's texts. ``communities`` are
    subreddits without ``r/``, ``macro_series`` FRED's names.
    A session of a ticker is an alert when it was no more probable than ``alert_p_value``, when of the alerts
    of its day at most the share ``alert_false_share`` should be chance, and while the budget of
    ``alerts_per_month`` lets it (see desktop_app.alerts).
    ``moving_averages`` are lengths in sessions. ``model_parts``, of PARTS, are what the fusion model reads
    beside prices when it is trained. ``contact`` is the e-mail address that the SEC wants to know, or empty:
    then no announcements are collected.

    When the schedule collects: prices some minutes after each close and again before each opening, since
    vendors correct themselves overnight; posts every so often; macro figures and earnings dates at times of
    day in New York. The defaults for macro figures lie after the two hours at which nearly all US figures are
    released, 8:30 and 16:15, with some time for FRED to take them over.

    ``quotes``, one of QUOTES, is how the schedule watches prices of the watchlist while the exchange is
    open: not at all, by asking each minute, or as Yahoo streams them.

    ``broker``, one of BROKERS, is where approved orders go: the embedded paper account, or Alpaca's paper
    API. ``paper_cash`` is what a paper account is opened with, in USD; ``paper_strategies``, of STRATEGIES,
    propose orders; ``paper_weights``, one of WEIGHTS, is what rebalancing aims at: the same of each watched
    ticker, or the newest portfolio that a method suggested. An account's limits are shares of its worth: in
    one ticker, in one purchase, the loss since the last close from which nothing is bought, and what one
    position may lose over 5 sessions in 19 of 20 cases. At most ``paper_most_orders`` are traded a session;
    ``paper_band`` is how far a holding may stray from its weight. Trading costs half the spread and a fee,
    in hundredths of a percent, and at least ``paper_least_fee`` USD.
    """

    theme: str = "system"
    language: str = "en"
    communities: tuple[str, ...] = ("stocks", "investing", "StockMarket", "wallstreetbets")
    macro_series: tuple[str, ...] = (
        "FEDFUNDS", "DGS2", "DGS10", "T10Y2Y", "CPIAUCSL", "UNRATE", "PAYEMS", "INDPRO", "ICSA", "M2SL",
    )  # fmt: skip
    alert_p_value: float = 0.01
    alert_false_share: float = 0.2
    alerts_per_month: float = 2.0
    moving_averages: tuple[int, ...] = (20, 50, 200)
    model_parts: tuple[str, ...] = ()
    contact: str = ""
    prices_minutes_after_close: int = 20
    prices_minutes_before_open: int = 60
    posts_every_minutes: int = 15
    macro_times: tuple[str, ...] = ("09:00", "17:00")
    earnings_times: tuple[str, ...] = ("07:30",)  # evening reports are in, the next session is ahead
    quotes: str = "minute"
    broker: str = "paper"
    paper_cash: float = 100_000.0
    paper_weights: str = "equal_weight"
    paper_strategies: tuple[str, ...] = ("rebalance", "risk", "protective")
    paper_most_position: float = 0.2
    paper_most_order: float = 0.2
    paper_most_loss: float = 0.05
    paper_most_risk: float = 0.02
    paper_most_orders: int = 50
    paper_band: float = 0.02
    paper_half_spread_bp: float = 5.0
    paper_fee_bp: float = 5.0
    paper_least_fee: float = 0.0
    portfolio_max_weight: float = 0.25
    portfolio_max_sector: float = 1.0
    portfolio_max_turnover: float = 1.0
    portfolio_min_trade: float = 0.005
    portfolio_cost_bp: float = 10.0


def load_settings(home: Path) -> Settings:
    """Return the home's settings; the defaults where there is no file yet.

    Raises
    ------
    BadInput
        The file is no JSON object, or a key or value in it is unusable; the message names both.
    """
    path = home / SETTINGS_NAME
    try:
        stored = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{path} cannot be read as JSON ({error}); mend it, or delete it to return to the defaults"
        ) from error
    if not isinstance(stored, dict):
        raise BadInput(f'{path} must hold one JSON object, like {{"theme": "dark"}}')
    known = {field.name for field in fields(Settings)}
    for key in stored:
        if key not in known:
            raise BadInput(f"{path}: unknown key '{key}'; known are {', '.join(sorted(known))}")
    return Settings(**{key: _checked(path, key, value) for key, value in stored.items()})


def save_settings(home: Path, settings: Settings) -> None:
    """Write the settings aside and rename them into place.

    Raises
    ------
    BadInput
        A value is unusable; nothing is written.
    ConfigurationError
        The home folder cannot be written.
    """
    path = home / SETTINGS_NAME
    for key, value in asdict(settings).items():
        _checked(path, key, list(value) if isinstance(value, tuple) else value)
    try:
        home.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".part")
        aside.write_text(json.dumps(asdict(settings), indent=2) + "\n", "utf-8")
        aside.replace(path)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error}; check the folder's permissions"
        ) from error


def _checked(path: Path, key: str, value: Any) -> Any:
    """Return a JSON value in the type of its setting, or say what was expected."""
    expected = problem_of(key, value)
    if expected:
        raise BadInput(f"{path}: '{key}' must be {expected}, not {json.dumps(value)}")
    return tuple(value) if isinstance(value, list) else value


def problem_of(key: str, value: Any) -> str:
    """Return what a setting must be where the value is not it, else an empty text."""
    if key == "theme":
        return "" if value in THEMES else _one_of(THEMES)
    if key == "language":
        good = isinstance(value, str) and bool(LANGUAGE.fullmatch(value))
        return "" if good else tr('the name of a language, like "en", "de" or "pt_BR"')
    if key == "paper_weights":
        return "" if value in WEIGHTS else _one_of(WEIGHTS)
    if key == "broker":
        return "" if value in BROKERS else _one_of(BROKERS)
    if key == "paper_strategies":
        good = isinstance(value, list) and set(value) <= set(STRATEGIES)
        return "" if good else _list_of(STRATEGIES)
    if key == "paper_most_orders":
        return "" if type(value) is int and 0 < value <= 1000 else tr("a whole number from 1 to 1000")
    if key in SHARES_OF_ACCOUNT:
        return "" if _is_number(value) and 0 < value <= 1 else tr("a number above 0, at most 1")
    if key in AMOUNTS:
        low, high = AMOUNTS[key]
        return (
            ""
            if _is_number(value) and low <= value <= high
            else tr("a number from {low} to {high}", low=f"{low:g}", high=f"{high:g}")
        )
    if key == "quotes":
        return "" if value in QUOTES else _one_of(QUOTES)
    if key == "alerts_per_month":
        good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1000
        return "" if good else tr("a number of alerts of a ticker in a month, from 0 to 1000")
    if key in ("alert_p_value", "alert_false_share"):
        good = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1
        return "" if good else tr("a number between 0 and 1")
    if key == "moving_averages":
        good = isinstance(value, list) and all(type(item) is int and 1 < item <= 1000 for item in value)
        return "" if good else tr("a list of whole numbers from 2 to 1000")
    if key in MINUTES:
        least, most = MINUTES[key]
        good = type(value) is int and least <= value <= most
        return "" if good else tr("a whole number of minutes from {least} to {most}", least=least, most=most)
    if key in ("macro_times", "earnings_times"):
        good = isinstance(value, list) and all(
            isinstance(item, str) and TIME_OF_DAY.fullmatch(item) for item in value
        )
        return "" if good else tr('a list of times of day in New York like ["09:00", "17:00"], or empty')
    if key == "model_parts":
        good = isinstance(value, list) and set(value) <= set(PARTS)
        return "" if good else _list_of(PARTS)
    if key == "contact":
        good = isinstance(value, str) and (not value or "@" in value)
        return "" if good else tr("an e-mail address, or empty")
    good = isinstance(value, list) and all(isinstance(item, str) and item for item in value)
    return "" if good else tr("a list of names")


def _one_of(values: Iterable[str]) -> str:
    return tr("one of {values}", values=", ".join(values))


def _list_of(values: Iterable[str]) -> str:
    return tr("a list of {values}, or empty", values=", ".join(values))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
