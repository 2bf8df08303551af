"""The demo: a home filled from the embedded sample, with a year of forecasts that can be judged."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from collectors import archives
from collectors.market_calendar import session_after
from collectors.progress import Progress
from collectors.sentiment.compact import CompactScorer
from collectors.sentiment.scoring import score_new_posts
from collectors.store import load_tickers
from collectors.universe import load_universe
from desktop_app.store import MODELS_FOLDER, watch
from fusion_model import pipeline, store
from fusion_model.evaluation.scorecard import read_backtest, score
from fusion_model.forecasting.fusion_network import FusionConfig
from resources import sample_paths

HISTORY = 252  # sessions forecast again by a model that knew nothing of them
TOO_SLOW = ("lightgbm_quantiles",)  # for a demo: half a minute of fitting


def fill_home(
    db: sqlite3.Connection,
    home: Path,
    *,
    now: str,
    progress: Progress,
    history: int = HISTORY,
    config: FusionConfig | None = None,
) -> str:
    """Import the sample, score its posts, train, forecast; return the newest session.

    A first model is trained as of a year before the sample's end, forecasts every session since and is
    scored beside the quick baselines; a second one, trained as of the end, makes today's forecasts. What is
    there already is not done again.
    """
    sample, models = sample_paths(), home / MODELS_FOLDER
    archives.import_prices(db, [sample.prices], now=now, progress=progress)
    archives.import_macro(db, [sample.macro], now=now, progress=progress)
    archives.import_posts(db, [sample.posts], universe=load_universe(), now=now, progress=progress)
    score_new_posts(db, CompactScorer(), now=now, progress=progress)
    watch(db, load_tickers(db), now)
    last = pipeline.resolve_session(db, None)
    earlier = session_after(last, -history)
    if not store.load_scores(db):
        if store.load_trained_model(db, through=earlier) is None:
            pipeline.train(db, models, as_of=earlier, now=now, config=config, progress=progress)
        _judge_a_year(db, home, earlier, last, history, now=now, progress=progress)
    newest = store.load_trained_model(db)
    if newest is None or newest.as_of_session != last:
        pipeline.train(db, models, as_of=last, now=now, config=config, progress=progress)
    pipeline.refresh(db, models, as_of=last, now=now, progress=progress)
    return last


def _judge_a_year(
    db: sqlite3.Connection,
    home: Path,
    earlier: str,
    last: str,
    history: int,
    *,
    now: str,
    progress: Progress,
) -> None:
    models, out = home / MODELS_FOLDER, home / "exports" / "backtest.csv"
    pipeline.refresh(db, models, as_of=last, sessions=history, now=now, progress=progress)
    out.parent.mkdir(parents=True, exist_ok=True)
    pipeline.backtest(
        db,
        first=session_after(earlier, 1),
        last=last,
        out=out,
        models=[name for name in pipeline.forecasters() if name not in TOO_SLOW],
        refit="never",
        stored=pipeline.load_forecaster(db, models, earlier),
        progress=progress,
    )
    progress("scoring", 0, 1)
    store.save_scores(db, score(read_backtest(out)), run=out.name, scored_at=now)
    progress("scoring", 1, 1)
