"""A small synthetic record for the tests of the window: two tickers, twelve sessions, a split, a forecast."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from collectors.records import CorporateAction, Post, PostMention, PostSentiment, PriceBar
from collectors.store import save_corporate_actions, save_posts, save_price_bars, save_sentiment
from desktop_app.store import open_home, watch
from fusion_model.findings import QUANTILE_LEVELS, Anomaly, ExpectedReport, Forecast, ScoreRow
from fusion_model.store import save_anomalies, save_expected_reports, save_forecasts
from fusion_model.store import save_scores as save_scorecard

NOW = "2021-03-16T21:00:00Z"
SESSIONS = tuple(f"2021-03-{day:02d}" for day in (1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 15, 16))
SPLIT_ON = "2021-03-08"
CLOSES = (100.0, 102.0, 104.0, 106.0, 108.0, 55.0, 56.0, 57.0, 58.0, 59.0, 60.0, 60.6)
QUANTILES = tuple((level - 0.5) / 10 for level in QUANTILE_LEVELS)  # median 0, 5 % at -0.045


def close_of(session: str) -> str:
    """21:00 UTC is the close in winter; close enough for facts that no calendar checks."""
    return f"{session}T21:00:00Z"


def bars_of(ticker: str) -> list[PriceBar]:
    """Bars as traded: two for one from SPLIT_ON on."""
    return [
        PriceBar(ticker, s, c - 1, c + 2, c - 2, c, 1000.0, "test", close_of(s))
        for s, c in zip(SESSIONS, CLOSES, strict=True)
    ]


def forecast(ticker: str = "AAA", horizon: int = 1, session: str = SESSIONS[-1]) -> Forecast:
    """A forecast whose median is "no change"."""
    target = {1: "2021-03-17", 5: "2021-03-23", 20: "2021-04-14"}[horizon]
    close = CLOSES[SESSIONS.index(session)]
    if session != SESSIONS[-1]:
        target = SESSIONS[SESSIONS.index(session) + horizon]
    return Forecast(
        "fusion", "v1", ticker, session, horizon, target, close, QUANTILES, 0.001, 0.52, 0.03, "compact 1"
    )


def score(horizon: int = 1, *, mcc_low: float = -0.02, skill: float = 0.02, dm_t: float = -3.0) -> ScoreRow:
    """The fusion model beside one baseline."""
    return ScoreRow(
        "fusion", "gjr_garch_t", horizon, "2020-01-02", "2020-12-31", 500, 250, 0.4, skill, dm_t,
        0.5, 0.8, 0.89, 0.95, 0.51, 0.02, mcc_low, 0.06,
    )  # fmt: skip


def report(certainty: str = "announced", ahead: int = 6) -> ExpectedReport:
    """AAA reports six sessions after the last one, after a close."""
    return ExpectedReport("AAA", SESSIONS[-1], certainty, "2021-03-23", "post", "2021-03-24", ahead)


def fill_home(home: Path, *, forecasts: bool = True, scores: bool = True) -> Path:
    """Write the record; AAA has posts, a split, an alert; BBB has prices alone."""
    with closing(open_home(home)) as db:
        save_price_bars(db, [*bars_of("AAA"), *bars_of("BBB")], NOW)
        splits = [
            CorporateAction(t, SPLIT_ON, "split", 2.0, "test", close_of(SPLIT_ON)) for t in ("AAA", "BBB")
        ]
        save_corporate_actions(db, splits, NOW)
        _save_posts(db)
        watch(db, ["AAA", "BBB"], NOW)
        if forecasts:
            save_forecasts(db, [forecast(horizon=h) for h in (1, 5, 20)], NOW)
            save_forecasts(db, [forecast(session=SESSIONS[-3])], NOW)
            save_expected_reports(db, [report()], NOW)
        save_anomalies(db, [anomaly(), anomaly(p_value=0.01, session=SESSIONS[-2])], NOW)
        if scores:
            save_scorecard(db, [score(h) for h in (1, 5, 20)], "test", NOW)
    return home


def anomaly(p_value: float = 0.0002, session: str = SESSIONS[-1]) -> Anomaly:
    """A volume that was not expected."""
    return Anomaly("AAA", session, "volume", 9000.0, 1000.0, p_value, "AAA traded nine times as much.")


def _save_posts(db: object) -> None:
    texts = {
        "p1": ("before the close", "2021-03-15T20:59:00Z", 0.8, 0.1),
        "p2": ("after the close", "2021-03-15T21:01:00Z", 0.1, 0.8),
        "p3": ("=after the last close", "2021-03-16T22:00:00Z", 0.2, 0.2),
    }
    posts = [Post(i, "reddit", "stocks", "", text, 3, 1, at, at) for i, (text, at, _, _) in texts.items()]
    save_posts(db, posts, [PostMention(i, "AAA") for i in texts])  # type: ignore[arg-type]
    scores = [
        PostSentiment(i, "compact 1", up, 1 - up - down, down, NOW) for i, (_, _, up, down) in texts.items()
    ]
    save_sentiment(db, scores)  # type: ignore[arg-type]
