"""A day collected into a filled record adds that day, and its cost is told part by part."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from collectors.store import count_unscored_posts, last_session, load_coverage
from desktop_app.store import open_home_reader
from tests.big_record import TODAY, CompactScorer, a_day_of_answers, collect_a_day, fill, look_at

TICKERS = ["T000", "T001"]


def test_a_day_is_collected_into_a_record_that_is_there(tmp_path: Path, no_waiting: None) -> None:
    fill(tmp_path, tickers=2, sessions=70, posts=300)
    with a_day_of_answers(TICKERS, 70, posts=5) as web:
        took, waited, read = collect_a_day(tmp_path, TICKERS, web)
    assert list(took.of) == ["prices", "macro", "posts", "score"]
    assert 0 < waited.of["prices"] + read.of["prices"] < took.of["prices"]
    with closing(open_home_reader(tmp_path)) as db:
        assert last_session(db) == TODAY
        stored = {one.kind: one.rows for one in load_coverage(db)}
        assert (stored["prices"], stored["posts"]) == (142, 300 + 4 * 2 * 5)
        assert count_unscored_posts(db, CompactScorer().name) == 0
    assert "status" in look_at(tmp_path, "T000").of
