"""Further stocks of the refresh benchmark are like their originals, and no copies."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from benchmarks.refresh import add_alike
from collectors.market_calendar import session_close, sessions_between
from collectors.records import CorporateAction, PriceBar
from collectors.store import load_actions, load_bars, save_corporate_actions, save_price_bars
from desktop_app.store import open_home


def test_a_further_stock_has_the_sessions_and_dividends_of_its_original_and_moves_of_its_own(
    tmp_path: Path,
) -> None:
    sessions = sessions_between("2020-01-02", "2020-03-31")
    at = session_close(sessions[-1])
    with closing(open_home(tmp_path)) as db:
        save_price_bars(db, [PriceBar("AAA", day, 50, 51, 49, 50, 1e6, "test", at) for day in sessions], at)
        save_corporate_actions(db, [CorporateAction("AAA", sessions[9], "dividend", 0.5, "test", at)], at)
        add_alike(db, "BBB", "AAA", np.random.default_rng(0))
        bars = load_bars(db, at, ["BBB"])
        assert [bar[1] for bar in bars] == list(sessions)
        assert {round(bar[3] / bar[4], 6) for bar in bars} == {round(51 / 49, 6)}
        closes = np.array([bar[5] for bar in bars])
        assert 0.005 < np.diff(np.log(closes)).std() < 0.015
        assert load_actions(db, at, ["BBB"]) == [("BBB", sessions[9], "dividend", 0.5)]
