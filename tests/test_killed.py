"""A collection that is killed loses nothing, doubles nothing and leaves no half batch."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.killed import TICKERS, half_batches, kill_at_random


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
