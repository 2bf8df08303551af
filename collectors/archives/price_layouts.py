"""The layouts of price files, recognised by their header, and which column holds what."""

from __future__ import annotations

from dataclasses import dataclass

from collectors.archives.files import UnreadableFile

RECOGNISED = """recognised price layouts:
  AlphaVantage   timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient
  Yahoo          Date,Open,High,Low,Close,Adj Close,Volume
  yfinance       Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits
  Stooq          <TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>
  Stooq (short)  Date,Open,High,Low,Close,Volume
  any other      ticker (or symbol), date, open, high, low, close, volume, and optionally dividend, split"""

DATE_NAMES = ("date", "datetime", "timestamp", "session", "<date>")
TICKER_NAMES = ("ticker", "symbol", "<ticker>")
VOLUME_NAMES = ("volume", "<vol>")
DIVIDEND_NAMES = ("dividend", "dividends", "dividend_amount")
SPLIT_NAMES = ("split", "splits", "stock splits", "split_coefficient", "split_ratio")


@dataclass(frozen=True, slots=True)
class PriceLayout:
    """Positions of columns; None where a file has no such column.

    ``split_adjusted`` says that prices, volumes and dividends before a split are restated, and that the
    file's own splits can undo it.
    """

    source: str
    width: int
    date: int
    prices: tuple[int, int, int, int]  # open, high, low, close
    volume: int
    ticker: int | None = None
    period: int | None = None
    dividend: int | None = None
    split: int | None = None
    split_adjusted: bool = False


def recognise(header: list[str]) -> PriceLayout:
    """Return the layout that a header names.

    Raises
    ------
    UnreadableFile
        No layout known here has these columns.
    """
    names = [name.strip().lower() for name in header]
    source, split_adjusted = _source_of(names)
    prices = [_position(names, name, f"<{name}>") for name in ("open", "high", "low", "close")]
    date = _position(names, *DATE_NAMES)
    volume = _position(names, *VOLUME_NAMES)
    if not source or date is None or volume is None or None in prices:
        raise UnreadableFile(f"has an unknown layout, {','.join(header)[:120]!r}; {RECOGNISED}")
    open_, high, low, close = (position for position in prices if position is not None)
    return PriceLayout(
        source=source,
        width=len(names),
        date=date,
        prices=(open_, high, low, close),
        volume=volume,
        ticker=_position(names, *TICKER_NAMES),
        period=_position(names, "<per>"),
        dividend=_position(names, *DIVIDEND_NAMES),
        split=_position(names, *SPLIT_NAMES),
        split_adjusted=split_adjusted,
    )


def _source_of(names: list[str]) -> tuple[str, bool]:
    """Return the source's name and whether its splits undo an adjustment; an empty name if unknown."""
    if "<ticker>" in names:
        return "stooq_csv", False
    if "ticker" in names or "symbol" in names:
        return "csv", False
    if "split_coefficient" in names:
        return "alphavantage_csv", False
    if "adj close" in names:
        return ("yfinance_csv", True) if "stock splits" in names else ("yahoo_csv", False)
    if "stock splits" in names or "dividends" in names:
        raise UnreadableFile(
            "its prices are adjusted for dividends (there is no Adj Close column beside Dividends), so "
            "what was traded cannot be told; download it with auto_adjust=False"
        )
    return ("stooq_csv" if names == ["date", "open", "high", "low", "close", "volume"] else ""), False


def _position(names: list[str], *wanted: str) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)
