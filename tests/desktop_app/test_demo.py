"""The demo: from the embedded sample to forecasts that have been judged."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from collectors.progress import silent
from desktop_app.demo import fill_home
from desktop_app.store import load_watchlist, open_home
from fusion_model import store
from tests.builders import SMALL

NOW = "2021-05-01T00:00:00Z"
LAST = "2021-03-30"


def test_the_demo_judges_its_forecasts_before_it_shows_todays_and_runs_twice_alike(tmp_path: Path) -> None:
    with closing(open_home(tmp_path)) as db:

        def rows() -> list[int]:
            tables = ("price_bar", "post", "post_sentiment", "forecast", "trained_model", "score_row")
            return [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]

        def fill() -> str:
            return fill_home(db, tmp_path, now=NOW, progress=silent, history=25, config=SMALL)

        assert fill() == LAST
        assert len(load_watchlist(db)) == 31
        assert len(store.load_forecasts(db, LAST)) == 31 * 3
        assert {(row.model, row.baseline) for row in store.load_scores(db)} >= {
            ("fusion", baseline)
            for baseline in (
                "persistence_ewma",
                "historical_simulation",
                "ewma_fhs",
                "gjr_garch_t",
                "gjr_garch_fhs",
            )
        }
        newest = store.load_trained_model(db)
        assert newest is not None
        assert newest.as_of_session == LAST
        before = rows()
        assert fill() == LAST
        assert rows() == before
