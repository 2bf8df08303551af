"""Train, refresh, backtest: what is read once, thought, and written once, on a small record."""

from __future__ import annotations

import json
import pickle
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from collectors import store as facts
from collectors.errors import BadInput, ConfigurationError
from collectors.market_calendar import session_after
from desktop_app.store import open_home
from fusion_model import pipeline, store
from fusion_model.advice.novelty import unseen_inputs
from fusion_model.dataset.panel import load_panel
from fusion_model.errors import CheckpointError, NoModel, NotEnoughHistory
from fusion_model.evaluation.backtest import Forecaster
from fusion_model.findings import HORIZONS
from fusion_model.forecasting.baselines import baselines
from fusion_model.pipeline_risk import backtest_risk
from fusion_model.risk_findings import RiskComponent, RiskReport
from fusion_model.store_reasons import load_reasons
from fusion_model.store_risk import last_portfolio, load_risk
from tests.builders import SMALL, bars, with_sessions_added

NOW = "2024-01-01T00:00:00Z"
FIRST, COUNT = "2016-01-04", 760
LAST = session_after(FIRST, COUNT - 1)
TICKERS = ("AAA", "BBB", "CCC", "DDD")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record of 760 sessions, and a model trained as of the last one."""
    home = tmp_path_factory.mktemp("pipeline")
    with closing(open_home(home)) as db:
        for seed, ticker in enumerate(TICKERS):
            steps = np.random.default_rng(seed).standard_t(4, COUNT) * 0.01
            facts.save_price_bars(db, bars(ticker, (50.0 * np.exp(np.cumsum(steps))).tolist(), FIRST), NOW)
        pipeline.train(db, home / "models", as_of=None, now=NOW, config=SMALL)
    return home


@pytest.fixture
def db(home: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_home(home)) as db:
        yield db


@pytest.fixture
def last(db: sqlite3.Connection) -> str:
    return pipeline.resolve_session(db, None)


def test_refresh_forecasts_every_ticker_and_horizon_once(
    db: sqlite3.Connection, home: Path, last: str
) -> None:
    report = pipeline.refresh(db, home / "models", as_of=None, now=NOW)
    assert report.sessions == (last,)
    assert len(report.forecasts) == len(TICKERS) * 3
    before = db.execute("SELECT count(*) FROM forecast").fetchone()
    again = pipeline.refresh(db, home / "models", as_of=None, now="2024-01-02T00:00:00Z")
    assert again.forecasts == report.forecasts
    assert db.execute("SELECT count(*) FROM forecast").fetchone() == before


def test_refresh_finds_why_and_a_second_time_nothing_is_added(
    db: sqlite3.Connection, home: Path, last: str
) -> None:
    pipeline.refresh(db, home / "models", as_of=None, now=NOW)
    found = load_reasons(db, "AAA")
    assert found is not None
    assert (found.as_of_session, found.model_version) == (
        last,
        store.load_forecasts(db, last)[0].model_version,
    )
    before = db.execute("SELECT count(*) FROM reason").fetchone()
    pipeline.refresh(db, home / "models", as_of=None, now=NOW)
    assert db.execute("SELECT count(*) FROM reason").fetchone() == before


def test_reasons_of_an_earlier_close_are_found_when_they_are_asked_for(
    home: Path, last: str, tmp_path: Path
) -> None:
    shutil.copytree(home, tmp_path / "home")
    models, before = tmp_path / "home" / "models", session_after(last, -1)
    with closing(open_home(tmp_path / "home")) as db:
        pipeline.refresh(db, models, as_of=None, sessions=2, now=NOW)
        assert load_reasons(db, "BBB", before) is None
        found = pipeline.explain_ticker(db, models, "BBB", as_of=before, now=NOW)
        assert found == load_reasons(db, "BBB", before)
        assert found.as_of_session == before


@pytest.mark.parametrize(
    ("ticker", "as_of", "message"),
    [
        ("ZZZ", None, "no prices of ZZZ"),
        ("AAA", FIRST, "no forecast of AAA"),
        ("AAA", "2016-01-03", "not a trading session"),
    ],
)
def test_what_cannot_be_explained_is_told(
    db: sqlite3.Connection, home: Path, ticker: str, as_of: str | None, message: str
) -> None:
    pipeline.refresh(db, home / "models", as_of=None, now=NOW)
    with pytest.raises(BadInput, match=message):
        pipeline.explain_ticker(db, home / "models", ticker, as_of=as_of, now=NOW)


def test_a_close_before_every_model_gets_one_of_its_own(
    db: sqlite3.Connection, home: Path, last: str
) -> None:
    """The sequence train, refresh --as-of an earlier session: a later model would be hindsight."""
    earlier = session_after(last, -3)
    report = pipeline.refresh(db, home / "models", as_of=earlier, now=NOW)
    trained = store.load_trained_model(db, through=earlier)
    assert trained is not None
    assert (trained.as_of_session, trained.model_version) == (earlier, report.model_version)
    assert pipeline.load_forecaster(db, home / "models", earlier).config == SMALL  # type: ignore[union-attr]


def test_sessions_in_a_row_say_what_each_alone_would(db: sqlite3.Connection, home: Path, last: str) -> None:
    earlier = session_after(last, -3)
    together = pipeline.refresh(db, home / "models", as_of=session_after(last, -1), sessions=3, now=NOW)
    alone = pipeline.refresh(db, home / "models", as_of=earlier, now=NOW)
    assert together.sessions == (earlier, session_after(last, -2), session_after(last, -1))
    assert [f for f in together.forecasts if f.as_of_session == earlier] == list(alone.forecasts)


def test_a_session_is_judged_by_what_was_said_the_evening_before(
    db: sqlite3.Connection, home: Path, last: str
) -> None:
    """A stored forecast counts, not one made anew: here a stored one that expected nothing to move."""
    before = session_after(last, -1)
    report = pipeline.refresh(db, home / "models", as_of=before, now=NOW)
    nothing_moves = (0.0,) * 8 + tuple(1e-6 * step for step in range(9))
    calm = [replace(forecast, quantiles=nothing_moves) for forecast in report.forecasts]
    store.save_forecasts(db, calm, "2024-01-03T00:00:00Z")
    report = pipeline.refresh(db, home / "models", as_of=last, now=NOW)
    assert {a.ticker for a in report.anomalies if a.measure == "return"} == set(TICKERS)


def test_nothing_trained_is_told(tmp_path: Path) -> None:
    with closing(open_home(tmp_path)) as db:
        facts.save_price_bars(db, bars("AAA", [50.0, 51.0], FIRST), NOW)
        with pytest.raises(NoModel, match="barograph train"):
            pipeline.refresh(db, tmp_path / "models", as_of=None, now=NOW)


def test_an_empty_record_is_told(tmp_path: Path) -> None:
    with closing(open_home(tmp_path)) as db, pytest.raises(NotEnoughHistory, match="import prices"):
        pipeline.train(db, tmp_path / "models", as_of=None, now=NOW)


def test_a_stored_model_is_not_scored_on_what_it_has_seen(
    db: sqlite3.Connection, home: Path, last: str, tmp_path: Path
) -> None:
    newest = pipeline.load_forecaster(db, home / "models", last)
    with pytest.raises(BadInput, match="scored on what it has seen"):
        pipeline.backtest(
            db,
            first=session_after(last, -5),
            last=last,
            out=tmp_path / "b.csv",
            models=["fusion"],
            refit="never",
            stored=newest,
        )


def test_a_backtest_forecasts_as_a_refresh_would(
    db: sqlite3.Connection, home: Path, last: str, tmp_path: Path
) -> None:
    from fusion_model.evaluation.scorecard import read_backtest

    earlier = session_after(last, -3)
    pipeline.refresh(db, home / "models", as_of=earlier, now=NOW)
    stored = pipeline.load_forecaster(db, home / "models", earlier)
    refreshed = pipeline.refresh(db, home / "models", as_of=session_after(last, -1), now=NOW)
    pipeline.backtest(
        db,
        first=session_after(last, -2),
        last=last,
        out=tmp_path / "b.csv",
        models=["fusion", "ewma_fhs"],
        refit="never",
        stored=stored,
    )
    table = read_backtest(tmp_path / "b.csv")
    rows = (table.model == "fusion") & (table.as_of_session == session_after(last, -1))
    np.testing.assert_array_equal(
        table.quantiles[rows], np.array([forecast.quantiles for forecast in refreshed.forecasts])
    )


@pytest.fixture
def own_home(home: Path, tmp_path: Path) -> Path:
    """A copy of the home, whose list of models no other test reads."""
    return Path(shutil.copytree(home, tmp_path / "home"))


@pytest.fixture
def own(own_home: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_home(own_home)) as db:
        yield db


def test_training_that_was_stopped_goes_on_after_the_last_finished_network(
    own: sqlite3.Connection, tmp_path: Path
) -> None:
    config, trained = replace(SMALL, members=2), []

    def stopped(stage: str, done: int, total: int, message: str = "") -> None:
        trained.append((stage, message))
        if stage == "training network 2 of 2":
            raise KeyboardInterrupt

    unbroken = pipeline.train(own, tmp_path / "whole", as_of=None, now=NOW, config=config)
    with pytest.raises(KeyboardInterrupt):
        pipeline.train(own, tmp_path / "broken", as_of=None, now=NOW, config=config, progress=stopped)
    assert [file.suffix for file in (tmp_path / "broken").iterdir()] == [".part"]
    trained.clear()

    def listen(stage: str, done: int, total: int, message: str = "") -> None:
        trained.append((stage, message))

    resumed = pipeline.train(own, tmp_path / "broken", as_of=None, now=NOW, config=config, progress=listen)
    assert ("training network 1 of 2", "kept from before") in trained
    assert resumed.model_version == unbroken.model_version  # a digest of every weight
    assert [file.name for file in (tmp_path / "broken").iterdir()] == [resumed.folder]


def test_another_training_does_not_go_on_with_the_networks_of_this_one(
    own: sqlite3.Connection, tmp_path: Path
) -> None:
    def stopped(stage: str, done: int, total: int, message: str = "") -> None:
        if stage == "calibration":
            raise KeyboardInterrupt

    for seed in (7, 8):
        config = replace(SMALL, epochs=1, seed=seed)
        with pytest.raises(KeyboardInterrupt):
            pipeline.train(own, tmp_path / "models", as_of=None, now=NOW, config=config, progress=stopped)
    (kept,) = (tmp_path / "models").iterdir()
    (kept / "network0.safetensors").write_bytes(b"half")  # and a damaged one is trained again
    resumed = pipeline.train(own, tmp_path / "models", as_of=None, now=NOW, config=config)
    anew = pipeline.train(own, tmp_path / "anew", as_of=None, now=NOW, config=config)
    assert resumed.model_version == anew.model_version


# Warm start ---------------------------------------------------------------------------------------


def test_a_warm_start_trains_less_and_says_where_it_began(own: sqlite3.Connection, own_home: Path) -> None:
    earlier = pipeline.train(own, own_home / "models", as_of=session_after(LAST, -30), now=NOW, config=SMALL)
    epochs: list[int] = []

    def listen(stage: str, done: int, total: int, message: str = "") -> None:
        if stage.startswith("training"):
            epochs.append(total)

    as_of, config = session_after(LAST, -20), replace(SMALL, warm_epochs=1)
    warm = pipeline.train(
        own, own_home / "models", as_of=as_of, now=NOW, config=config, warm=True, progress=listen
    )
    assert json.loads(warm.summary)["started_from"] == earlier.model_version
    assert set(epochs) == {1}
    cold = pipeline.train(own, own_home / "cold", as_of=as_of, now=NOW, config=config)
    assert cold.model_version != warm.model_version


def test_a_warm_start_never_keeps_worse_than_it_began_with(own: sqlite3.Connection, own_home: Path) -> None:
    begun = pipeline.train(own, own_home / "models", as_of=None, now=NOW, config=SMALL)
    hopeless = replace(SMALL, warm_learning_rate=10.0)
    warm = pipeline.train(own, own_home / "models", as_of=None, now=NOW, config=hopeless, warm=True)
    losses = [json.loads(trained.summary)["loss"] for trained in (begun, warm)]
    assert losses[0] == losses[1]


def test_a_warm_start_from_another_shape_or_from_nothing_is_refused(
    own: sqlite3.Connection, own_home: Path
) -> None:
    with pytest.raises(CheckpointError, match="has another hidden, 8 and not 16: train without --warm"):
        pipeline.train(
            own, own_home / "models", as_of=None, now=NOW, config=replace(SMALL, hidden=16), warm=True
        )
    with pytest.raises(NoModel, match="every stored model was trained later than 2018"):
        pipeline.train(own, own_home / "models", as_of="2018-06-01", now=NOW, config=SMALL, warm=True)


def test_without_lightgbm_the_others_go_on_and_whoever_names_it_is_told(
    db: sqlite3.Connection,
    last: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    assert set(baselines()) - set(pipeline.forecasters()) == {"lightgbm_quantiles"}
    assert "Going on without lightgbm_quantiles" in caplog.text
    out, named = tmp_path / "b.csv", ["ewma_fhs", "lightgbm_quantiles"]
    with pytest.raises(ConfigurationError, match="pip install lightgbm"):
        pipeline.backtest(db, first=last, last=last, out=out, models=named, refit="never")
    assert pipeline.backtest(db, first=last, last=last, out=out, models=named[:1], refit="never").rows == 12


def test_the_foundation_model_is_asked_only_when_it_is_named(
    db: sqlite3.Connection, home: Path, last: str, tmp_path: Path
) -> None:
    assert "chronos2" not in pipeline.forecasters()
    with pytest.raises(ConfigurationError, match="chronos2 needs"):  # the extra, or the weights
        pipeline.backtest(
            db,
            first=last,
            last=last,
            out=tmp_path / "b.csv",
            models=["chronos2"],
            refit="never",
            models_folder=home / "models",
        )


def test_every_forecaster_can_travel_to_a_worker() -> None:
    for name, make in pipeline.forecasters(progress=lambda *_: None).items():
        arrived: Callable[[], Forecaster] = pickle.loads(pickle.dumps(make))
        assert arrived().model_version == make().model_version, name


# Risk ---------------------------------------------------------------------------------------------


def test_refresh_finds_the_risk_of_every_stock_and_of_what_is_held(
    db: sqlite3.Connection, home: Path, last: str
) -> None:
    report = pipeline.refresh(
        db, home / "models", as_of=None, sessions=2, shares={"AAA": 10.0, "BBB": 4.0}, now=NOW
    )
    assert report.notes == ()
    stocks = load_risk(db, RiskReport, last, TICKERS)
    assert {(one.subject, one.horizon) for one in stocks} == {(t, h) for t in TICKERS for h in HORIZONS}
    subject, session = last_portfolio(db) or ("", "")
    assert session == last
    held = load_risk(db, RiskReport, last, [subject])
    assert [one.horizon for one in held] == list(HORIZONS)
    assert held[0].value == pytest.approx(
        10 * report.forecasts[-12].last_close + 4 * report.forecasts[-9].last_close
    )
    assert len(load_risk(db, RiskComponent, last, [subject])) == 2 * len(HORIZONS)


def test_holdings_that_cannot_be_judged_are_told_and_stop_nothing(
    db: sqlite3.Connection, home: Path, last: str
) -> None:
    report = pipeline.refresh(db, home / "models", as_of=None, shares={"XYZ": 1.0}, now=NOW)
    assert len(report.forecasts) == len(TICKERS) * len(HORIZONS)
    assert report.notes == (
        "The risk of what you hold could not be told: XYZ has no close at that session: import or collect "
        "its prices first",
    )


def test_a_model_has_seen_all_it_was_trained_on_and_not_a_session_without_equal(
    db: sqlite3.Connection, home: Path, last: str
) -> None:
    forecaster = pipeline.load_forecaster(db, home / "models", last)
    assert forecaster is not None
    panel = load_panel(db, last)
    assert unseen_inputs(forecaster.seen_range(panel, last), last, "v") == []

    steps = np.zeros((4, len(TICKERS)))
    steps[-1, 0] = -0.5
    later = with_sessions_added(panel, steps)
    found = unseen_inputs(forecaster.seen_range(later, later.sessions[-1]), later.sessions[-1], "v")
    fell = [one for one in found if (one.ticker, one.feature) == ("AAA", "leverage")]
    assert len(fell) == 1
    assert fell[0].value < fell[0].low
    assert f"through {last}" in fell[0].sentence


def test_the_risk_of_a_backtest_is_tested_and_kept(db: sqlite3.Connection, last: str, tmp_path: Path) -> None:
    """MIN_HISTORY is more than this record holds: so the portfolio is refused by name."""
    out = tmp_path / "bt.csv"
    pipeline.backtest(
        db,
        first=session_after(last, -60),
        last=last,
        out=out,
        models=["historical_simulation", "ewma_fhs"],
        refit="never",
        horizons=(1,),
    )
    with pytest.raises(BadInput, match="have 1000 sessions of prices before"):
        backtest_risk(db, out, now=NOW)
