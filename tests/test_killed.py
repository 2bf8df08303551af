"""A collection that is killed loses nothing, doubles nothing and leaves no half batch."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from collectors.records import PriceBar
from collectors.store import open_database, save_price_bars
from tests.killed import TICKERS, half_batches, kill_at_random, wrong_tallies


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is killed that was forked")
def test_a_record_is_whole_after_five_kills(tmp_path: Path, no_waiting: None) -> None:
    told = kill_at_random(tmp_path, times=5, seed=1)
    assert (told["lost"], told["doubled"], told["half"], told["damaged"]) == (0, 0, 0, 0)
    assert told["kills"] == 5
    assert told["rows"] > 1000


def test_the_trial_would_see_a_half_batch() -> None:
    whole = {"price_bar": [(TICKERS[0], 1), (TICKERS[0], 2)], "corporate_action": [(TICKERS[0], 1)]}
    whole |= {"macro_observation": [("GDP", 1)], "post": [("t3_a",)], "post_mention": [("t3_a", "KO")]}
    empty: dict[str, list[tuple[object, ...]]] = {table: [] for table in whole}
    assert half_batches(whole, whole) == half_batches(empty, whole) == 0
    assert half_batches({**empty, "price_bar": whole["price_bar"]}, whole) == 1
    assert half_batches({**whole, "post_mention": []}, whole) == 1


def test_the_trial_would_see_a_tally_that_is_wrong(tmp_path: Path) -> None:
    bar = PriceBar("KO", "2020-01-02", 55.3, 55.4, 54.8, 55.0, 1000.0, "test", "2020-01-02T21:00:00Z")
    with closing(open_database(tmp_path / "facts.db")) as db:
        save_price_bars(db, [bar], "2020-01-03T00:00:00Z")
        assert wrong_tallies(tmp_path / "facts.db") == 0
        db.execute("UPDATE tally SET rows = 2")
    assert wrong_tallies(tmp_path / "facts.db") == 2  # what is told, and what is not
