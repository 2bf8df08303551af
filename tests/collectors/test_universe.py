"""The stocks we know by name."""

from __future__ import annotations

from importlib import resources as package_resources
from pathlib import Path

import pytest

from collectors.archives.values import ticker_of
from collectors.mentions import find_mentions
from collectors.universe import load_universe

US_DAILY = Path(__file__).parents[3] / "shared" / "data" / "prices" / "us_daily"
SECTORS = {
    "Communication Services", "Consumer Discretionary", "Consumer Staples", "ETF", "Energy", "Financials",
    "Health Care", "Industrials", "Information Technology", "Materials", "Real Estate", "Utilities",
}  # fmt: skip


def test_every_company_stands_once_with_a_name_and_a_sector() -> None:
    universe = load_universe()
    lines = package_resources.files("resources").joinpath("universe.csv").read_text("utf-8").splitlines()
    assert len(universe) == len(lines) - 1 == 167
    assert {company.sector for company in universe.values()} == SECTORS
    assert all(company.name and ticker_of(company.ticker) == company.ticker for company in universe.values())


@pytest.mark.skipif(not US_DAILY.is_dir(), reason="needs ../shared/data/prices/us_daily")
def test_every_stock_of_the_daily_files_is_known() -> None:
    assert {path.name.removesuffix(".csv.gz") for path in US_DAILY.glob("*.gz")} <= load_universe().keys()


@pytest.mark.parametrize(
    ("text", "tickers"),
    [
        ("GameStop and $amc to the moon, Palantir too", {"GME", "AMC", "PLTR"}),
        ("Papa Elon, Cathie Wood and Warren Buffett", {"TSLA", "ARKK", "BRK.B"}),
        ("J&J and AT&T pay dividends, Coca-Cola too", {"JNJ", "T", "KO"}),
        ("booking a carnival for snowflakes and a snowflake", set()),
        ("Booking and Carnival fell", {"BKNG", "CCL"}),
    ],
)
def test_names_that_people_use_are_found(text: str, tickers: set[str]) -> None:
    assert find_mentions(text, load_universe()) == tickers
