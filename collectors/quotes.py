"""Quotes of the session under way from Yahoo through yfinance, for many tickers at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from collectors.market_calendar import instant
from collectors.records import Quote
from collectors.retry import Pace, RetryPolicy, call_with_retry
from collectors.yahoo import symbol_of, yahoo_errors, yahoo_session

SOURCE = "yahoo"
TICKERS_A_REQUEST = 200  # Yahoo names no limit; this many keep an address under 2,000 characters
SECONDS_BETWEEN_REQUESTS = 1.0
TIMEOUT_S = 10.0
QUICK = RetryPolicy(attempts=2, total_s=20.0)  # the next minute asks again anyway
CURRENCY = "USD"
PRICE_DECIMALS = 4


def fetch_quotes(
    tickers: Sequence[str],
    *,
    now: str,
    timeout_s: float = TIMEOUT_S,
    policy: RetryPolicy = QUICK,
    seconds_between: float = SECONDS_BETWEEN_REQUESTS,
) -> list[Quote]:
    """Return the last trade of each ticker in regular hours, read at ``now``; of unknown tickers none.

    Raises
    ------
    RetryLater
        Yahoo cannot be reached, is busy, or asks for a pause.
    SourceChanged
        The answer does not have the shape we know.
    """
    quotes: list[Quote] = []
    pace = Pace(seconds_between)
    for start in range(0, len(tickers), TICKERS_A_REQUEST):
        by_symbol = {symbol_of(ticker): ticker for ticker in tickers[start : start + TICKERS_A_REQUEST]}
        pace.wait()
        for symbol, price, at in call_with_retry(_quotes_reader(list(by_symbol), timeout_s), policy):
            if symbol in by_symbol:
                quotes.append(Quote(by_symbol[symbol], price, at, SOURCE, max(now, at)))
    return quotes


def _quotes_reader(symbols: Sequence[str], timeout_s: float) -> Callable[[], list[tuple[str, float, str]]]:
    """Return a call that asks Yahoo once for the last trades of some symbols."""
    from yfinance import const
    from yfinance.data import YfData

    def read() -> list[tuple[str, float, str]]:
        session = yahoo_session()
        with yahoo_errors(f"{len(symbols)} tickers", "quoteResponse", "list of quotes", session):
            answer = YfData(session=session).get_raw_json(
                f"{const._QUERY1_URL_}/v7/finance/quote",
                params={"symbols": ",".join(symbols), "formatted": "false"},
                timeout=timeout_s,
            )
            return [trade for row in answer["quoteResponse"]["result"] if (trade := _trade(row))]

    return read


def _trade(row: dict[str, Any]) -> tuple[str, float, str] | None:
    """Return (symbol, price, instant) of a row, or None where it tells of no trade in USD."""
    price, seconds = row.get("regularMarketPrice"), row.get("regularMarketTime")
    if not price or not seconds or row.get("currency", CURRENCY) != CURRENCY:
        return None
    at = instant(datetime.fromtimestamp(int(seconds), UTC))
    return row["symbol"], round(float(price), PRICE_DECIMALS), at
