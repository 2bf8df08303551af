"""Which tickers a text speaks of."""

from __future__ import annotations

import pytest

from collectors.mentions import find_mentions
from collectors.universe import Company


def company(ticker: str, name: str, *aliases: str) -> Company:
    return Company(ticker=ticker, name=name, sector="", aliases=aliases)


UNIVERSE = {
    entry.ticker: entry
    for entry in (
        company("A", "Agilent Technologies Inc."),
        company("AAPL", "Apple Inc."),
        company("ALL", "The Allstate Corporation"),
        company("BRK.B", "Berkshire Hathaway Inc.", "Berkshire", "Buffett"),
        company("GME", "GameStop Corp.", "gamestonk"),
        company("HD", "The Home Depot, Inc."),
        company("JNJ", "Johnson & Johnson", "J&J"),
        company("JPM", "JPMorgan Chase & Co.", "JP Morgan", "Morgan"),
        company("KO", "The Coca-Cola Company", "Coke"),
        company("MS", "Morgan Stanley"),
        company("NOW", "ServiceNow"),
        company("T", "AT&T Inc."),
        company("TGT", "Target Corporation"),
        company("TSLA", "Tesla, Inc."),
    )
}


@pytest.mark.parametrize(
    ("text", "tickers"),
    [
        ("$GME to the moon", {"GME"}),
        ("loaded up on $gme, again", {"GME"}),
        ("$BRK.B is my savings account. $brk-b!", {"BRK.B"}),
        ("BRK.B and brk-b", {"BRK.B"}),
        ("sold $TSLA.I was early", {"TSLA"}),
        ("$NOPE $APPLE A$AP $12,000 US$", set()),
        ("holding AAPL and TSLA into earnings", {"AAPL", "TSLA"}),
        ("aapl in lower case is no ticker", set()),
        ("A YOLO: ALL IN NOW, T minus one", set()),
        ("$A $ALL $NOW $T", {"A", "ALL", "NOW", "T"}),
        ("apple's phones and TESLA cars", {"AAPL", "TSLA"}),
        ("pineapple, apples, teslas, GMEX", set()),
        ("Gamestonk!! Home\nDepot, coca cola; Coke", {"GME", "HD", "KO"}),
        ("AT&amp;T beats J&J", {"T", "JNJ"}),
        ("Morgan Stanley upgrades it", {"MS"}),
        ("JP Morgan and Morgan Stanley", {"JPM", "MS"}),
        ("my price target is higher than at Target", {"TGT"}),
        ("PRICE TARGET, price target", set()),
        ("see https://www.apple.com/GME and www.tesla.com", set()),
        ("", set()),
        ("🚀🚀 GME🚀 é", {"GME"}),
    ],
)
def test_mentions(text: str, tickers: set[str]) -> None:
    assert find_mentions(text, UNIVERSE) == tickers


def test_another_universe_finds_its_own() -> None:
    universe = {"NET": company("NET", "Cloudflare")}
    assert find_mentions("NET GME cloudflare", universe) == {"NET"}
    universe["GME"] = company("GME", "GameStop")
    assert find_mentions("NET GME", universe) == {"NET", "GME"}


def test_a_universe_of_nobody_finds_nobody() -> None:
    assert find_mentions("$GME GME Apple", {}) == frozenset()


def test_a_very_long_text_is_read_in_one_pass() -> None:
    """A pattern that tried again at every place would not come back within the day."""
    assert find_mentions("$a.b." * 100_000 + "morgan " * 100_000 + "a&" * 100_000, UNIVERSE) == {"A", "JPM"}


def test_cashtag_of_a_former_ticker_counts_and_that_of_a_name_does_not() -> None:
    universe = {"BKNG": company("BKNG", "Booking Holdings Inc.", "Price", "PCLN")}
    assert find_mentions("$PCLN", universe) == find_mentions("$pcln", universe) == {"BKNG"}
    assert find_mentions("$PRICE", universe) == frozenset()
