"""Train, refresh, backtest, look for leaks: read once, think, write once."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from collectors import store as facts
from collectors.errors import BadInput, ConfigurationError
from collectors.market_calendar import is_session, last_session_on_or_before, session_after, session_close
from collectors.progress import HeardHere, Progress, silent
from collectors.sentiment.texts import post_text
from fusion_model import store, store_reasons
from fusion_model.advice.anomalies import judge
from fusion_model.advice.measures import measured
from fusion_model.advice.reasons import most_telling
from fusion_model.dataset.panel import Panel, load_expected_reports, load_panel
from fusion_model.errors import NoModel, NotEnoughHistory
from fusion_model.evaluation.backtest import BacktestReport, Forecaster, panel_digest, run_backtest
from fusion_model.evaluation.fold_jobs import Hire, nobody
from fusion_model.evaluation.leak_alarms import Alarm, sound_alarms
from fusion_model.findings import FUSION_MODEL, HORIZONS, Anomaly, Forecast, TrainedModel
from fusion_model.forecasting import foundation
from fusion_model.forecasting.baselines import baselines
from fusion_model.forecasting.boosted_trees import LightGbmQuantiles, TreesConfig, load_lightgbm
from fusion_model.forecasting.explain import explain
from fusion_model.forecasting.fusion_forecaster import FORMAT, FusionForecaster
from fusion_model.forecasting.fusion_network import FusionConfig
from fusion_model.pipeline_risk import (
    RiskFindings,
    find_stock_risk,
    portfolio_beside_stocks,
    save_findings,
)
from fusion_model.store_reasons import Reasons

logger = logging.getLogger(__name__)

LEAK_TICKERS, LEAK_SESSIONS = 12, 1200  # what the alarms are sounded on: half a minute of work
LEAK_SCORED = (60, 150)  # sessions, an eighth of the panel's within these bounds
LEAK_CONFIG = FusionConfig(  # every part of the model is on, and small: a leak does not hang on size
    use_sentiment=True,
    use_macro=True,
    use_graph=True,
    hidden=8,
    encoder_hidden=4,
    lookback=16,
    segment=64,
    members=1,
    epochs=1,
    validation_sessions=40,
    held_out_sessions=40,
    stacking_sessions=250,
    calibration_sessions=250,
    longest_calibration_sessions=300,
    adaptation_sessions=100,
    use_trees=True,
    trees=10,
)
LEAK_TREES = TreesConfig(trees=10, leaves=7, min_rows_in_leaf=50, max_rows=2000)


@dataclass(frozen=True, slots=True)
class RefreshReport:
    """What one refresh found."""

    sessions: tuple[str, ...]
    forecasts: tuple[Forecast, ...]
    anomalies: tuple[Anomaly, ...]
    model_version: str
    risk: RiskFindings  # of the last session
    notes: tuple[str, ...]  # what could not be told, and why


def train(
    db: sqlite3.Connection,
    models: Path,
    *,
    as_of: str | None,
    now: str,
    config: FusionConfig | None = None,
    warm: bool = False,
    progress: Progress = silent,
) -> TrainedModel:
    """Fit and calibrate on what was known at a close, and keep the checkpoint.

    Each finished network is kept in a folder beside the checkpoints until all are: the same training, once
    stopped, goes on there, and comes to the same bytes.

    Parameters
    ----------
    models : Path
        Folder of checkpoints.
    as_of : str, optional
        A session; default: the newest one stored.
    warm : bool
        Begin at the newest model that knew nothing later: fewer epochs, and another result than from anew.

    Raises
    ------
    NotEnoughHistory, BadInput
    NoModel
        There is none to begin at.
    CheckpointError
        That model has other parts, or its files are damaged.
    """
    session = resolve_session(db, as_of)
    progress("reading the record", 0, 1)
    panel = load_panel(db, session, scorer=choose_stored_scorer(db))
    progress("reading the record", 1, 1)
    start = load_forecaster(db, models, session) if warm else None
    if warm and start is None:
        raise NoModel(f"every stored model was trained later than {session}; train without --warm")
    before = "" if start is None else start.model_version
    unfinished = _unfinished(models, panel, config or FusionConfig(), before)
    forecaster = FusionForecaster(
        config, progress=progress, keep=unfinished, start=None if start is None else start.state
    )
    forecaster.fit(panel, panel.sessions)
    folder = forecaster.save(models)
    shutil.rmtree(unfinished, ignore_errors=True)
    state = forecaster.state
    trained = TrainedModel(
        model_version=forecaster.model_version,
        model=forecaster.model,
        as_of_session=session,
        trained_at=now,
        folder=folder.name,
        summary=json.dumps(
            {
                "tickers": len(panel.tickers),
                "sessions": len(panel.sessions),
                "fit_sessions": state.fit_sessions,
                "loss": [round(loss, 5) for loss in state.loss],
                "scorer": state.scorer,
                "macro": state.macro_names,
                "shares": None
                if state.stack is None
                else {
                    "networks": state.stack.network_shares,
                    "trees": state.stack.tree_shares,
                    "gjr_garch": state.stack.garch_shares,
                },
                **({"started_from": before} if before else {}),
            }
        ),
    )
    store.save_trained_model(db, trained)
    return trained


def _unfinished(models: Path, panel: Panel, config: FusionConfig, before: str) -> Path:
    """Return where the finished networks of this very training lie; those of any other can't be continued."""
    identity = json.dumps([FORMAT, asdict(config), panel_digest(panel), before], sort_keys=True).encode()
    folder = models / f"training-{hashlib.sha256(identity).hexdigest()[:12]}.part"
    for other in models.glob("training-*.part"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    return folder


def refresh(
    db: sqlite3.Connection,
    models: Path,
    *,
    as_of: str | None,
    now: str,
    sessions: int = 1,
    shares: Mapping[str, float] | None = None,
    progress: Progress = silent,
) -> RefreshReport:
    """Forecast as of a close, and judge that session against what had been forecast for it.

    Of the last session the risk of every stock is found too, and that of ``shares``, numbers by ticker.

    ``sessions`` > 1 does the same for the sessions before it, each as of its own close; a session whose
    forecasts are stored already adds nothing new. Each session is written in one transaction, so a
    refresh that was stopped goes on where it was.

    Why the last session's forecasts are what they are is found and written beside them.

    Where every stored model knows something later than the first of these closes, one is trained as of
    that close first, alike: a forecast made with a later one would be hindsight.

    Raises
    ------
    NoModel
        Nothing was ever trained.
    """
    last = resolve_session(db, as_of)
    wanted = [session_after(last, -back) for back in range(sessions - 1, -1, -1)]
    forecaster = load_forecaster(db, models, wanted[0]) or _train_alike(db, models, wanted[0], now, progress)
    progress("reading the record", 0, 1)
    panel = load_panel(db, last, scorer=forecaster.state.scorer)
    progress("reading the record", 1, 1)
    known = measured(panel, sessions)
    forecasts: list[Forecast] = []
    anomalies: list[Anomaly] = []
    risk, notes = RiskFindings(), list[str]()
    for done, session in enumerate(wanted, start=1):
        before = panel.sessions[panel.position(session) - 1]
        said = store.load_forecasts(db, before) or forecaster.predict(panel, before)
        made = forecaster.predict(panel, session)
        found = judge(known, session, said, said=partial(_what_was_said, db, before, session))
        reports = load_expected_reports(db, session, sorted({said.ticker for said in made}))
        reasons = _reasons(forecaster, panel, session) if session == last else []
        if session == last:
            risk, note = _risk(db, forecaster, panel, made, shares or {})
            notes += [note] if note else []
        with facts.writing(db):
            if session == last:
                save_findings(db, risk, now)
            store.save_forecasts(db, made, now)
            store.save_anomalies(db, found, now)
            store.save_expected_reports(db, reports, now)
            store_reasons.save_reasons(db, reasons, now)
        forecasts += made
        anomalies += found
        progress("forecasting", done, len(wanted), session)
    return RefreshReport(
        sessions=tuple(wanted),
        forecasts=tuple(forecasts),
        anomalies=tuple(anomalies),
        model_version=forecaster.model_version,
        risk=risk,
        notes=tuple(notes),
    )


def _what_was_said(db: sqlite3.Connection, before: str, session: str, ticker: str) -> str:
    """Return a post of a session that says what most posts of it say; of equal ones the newest."""
    posts = facts.load_posts(db, ticker, session_close(session), session_close(before))
    return most_telling([post_text(post.title, post.body) for post in posts])


def _reasons(forecaster: FusionForecaster, panel: Panel, session: str) -> list[Reasons]:
    found = explain(forecaster, panel, session)
    return store_reasons.reasons_by_ticker(
        forecaster.model_version, session, found.attributions, found.counterfactuals, found.related
    )


def explain_ticker(
    db: sqlite3.Connection,
    models: Path,
    ticker: str,
    *,
    as_of: str | None,
    now: str,
    progress: Progress = silent,
) -> Reasons:
    """Return why a ticker's stored forecasts of a close are what they are; found now where it is not stored.

    ``as_of`` None: the newest close with forecasts. What is found now is stored for every ticker.

    Raises
    ------
    BadInput
        The ticker is unknown, has no forecast of that close, or the date is no session.
    NoModel
        The model that made the forecasts is no longer the one for that close.
    """
    if ticker not in set(facts.load_tickers(db)):
        raise BadInput(f"no prices of {ticker} are stored; `barograph status` tells what is")
    newest = store.last_forecast_session(db)
    if newest is None:
        raise NoModel("nothing has been forecast yet; run `barograph refresh` first")
    session = resolve_session(db, as_of or newest)
    forecasts = store.load_forecasts(db, session, tickers=[ticker])
    if not forecasts:
        raise BadInput(
            f"there is no forecast of {ticker} as of {session} (it needs about a year of prices); "
            f"`barograph refresh --as-of {session}` makes those of a close"
        )
    version = forecasts[0].model_version
    stored = store_reasons.load_reasons(db, ticker, session)
    if stored is not None and stored.model_version == version:
        return stored
    forecaster = load_forecaster(db, models, session)
    if forecaster is None or forecaster.model_version != version:
        raise NoModel(
            f"the forecasts of {session} were made by {version}, and another model is the one for that close "
            f"now; run `barograph refresh --as-of {session}` to forecast and explain it anew"
        )
    progress("reading the record", 0, 1)
    panel = load_panel(db, session, scorer=forecaster.state.scorer)
    progress("reading the record", 1, 1)
    progress("asking the model", 0, 1)
    found = _reasons(forecaster, panel, session)
    progress("asking the model", 1, 1)
    store_reasons.save_reasons(db, found, now)
    return next(reasons for reasons in found if reasons.ticker == ticker)


def _risk(
    db: sqlite3.Connection,
    forecaster: FusionForecaster,
    panel: Panel,
    made: Sequence[Forecast],
    shares: Mapping[str, float],
) -> tuple[RiskFindings, str]:
    """Find the risk at the panel's last session; the sentence is empty, or says what could not be told."""
    seen = forecaster.seen_range(panel, panel.sessions[-1])
    return portfolio_beside_stocks(db, panel, made, find_stock_risk(db, panel, made, seen), shares)


def _train_alike(
    db: sqlite3.Connection, models: Path, session: str, now: str, progress: Progress
) -> FusionForecaster:
    """Train as of a session with the configuration of the newest model."""
    newest = FusionForecaster.load(models / _newest_model(db).folder)
    trained = train(db, models, as_of=session, now=now, config=newest.config, progress=progress)
    return FusionForecaster.load(models / trained.folder)


def load_forecaster(db: sqlite3.Connection, models: Path, session: str) -> FusionForecaster | None:
    """Load the newest model that knew nothing later than a session's close; None where all are later.

    Raises
    ------
    NoModel
        Nothing was ever trained.
    CheckpointError
        Its files are missing or damaged.
    """
    _newest_model(db)
    trained = store.load_trained_model(db, FUSION_MODEL, through=session)
    return None if trained is None else FusionForecaster.load(models / trained.folder)


def _newest_model(db: sqlite3.Connection) -> TrainedModel:
    newest = store.load_trained_model(db, FUSION_MODEL)
    if newest is None:
        raise NoModel("nothing has been trained yet; run `barograph train` first")
    return newest


def backtest(
    db: sqlite3.Connection,
    *,
    first: str,
    last: str,
    out: Path,
    models: Sequence[str],
    refit: Literal["yearly", "quarterly", "never"],
    tickers: Sequence[str] | None = None,
    horizons: Sequence[int] = HORIZONS,
    config: FusionConfig | None = None,
    stored: FusionForecaster | None = None,
    models_folder: Path | None = None,
    hire: Hire = nobody,
    progress: Progress = silent,
) -> BacktestReport:
    """Walk forward over stored facts with the named models, and write the CSV.

    Outcomes after ``last`` are read where they are stored, as the realised column alone. With
    ``stored``, the fusion model is not trained anew: it must know nothing of the span. The foundation
    model is read from ``models_folder``, where it is named. ``hire`` opens the workers that share the work
    (see evaluation.workers).

    Raises
    ------
    BadInput
        An unknown model or ticker.
    ConfigurationError
        A library or the weights of a model that was named are missing.
    """
    known = forecasters(config, progress) | {LightGbmQuantiles.model: LightGbmQuantiles}
    if models_folder is not None:
        known[foundation.MODEL] = partial(foundation.Chronos2, models_folder / foundation.FOLDER)
    if stored is not None:
        known[FUSION_MODEL] = partial(_AlreadyTrained, stored)
    unknown = sorted(set(models) - set(known))
    if unknown:
        raise BadInput(f"there is no model called {unknown[0]}; there are {', '.join(known)}")
    newest = resolve_session(db, None)
    listed = set(facts.load_tickers(db))
    for ticker in tickers or ():
        if ticker not in listed:
            raise BadInput(f"no prices of {ticker} are stored; `barograph status` tells what is")
    panel = load_panel(db, newest, scorer=choose_stored_scorer(db))
    return run_backtest(
        panel,
        {name: known[name] for name in models},
        first=first,
        last=min(last, newest),
        refit=refit,
        tickers=tickers,
        horizons=tuple(horizons),
        out=out,
        hire=hire,
        progress=progress,
    )


class _AlreadyTrained:
    """A trained model in a backtest: fitting it means to check that it knew nothing of what comes."""

    def __init__(self, forecaster: FusionForecaster) -> None:
        self._forecaster = forecaster
        self.model = forecaster.model
        self.model_version = forecaster.model_version

    def fit(self, panel: Panel, sessions: Sequence[str]) -> None:  # noqa: ARG002  as every forecaster
        known = self._forecaster.state.as_of_session
        if known > sessions[-1]:
            raise BadInput(
                f"the stored model was trained as of {known}, and the backtest begins after {sessions[-1]}: "
                "it would be scored on what it has seen"
            )

    def predict(self, panel: Panel, session: str) -> list[Forecast]:
        return self._forecaster.predict(panel, session)


@dataclass(frozen=True, slots=True)
class LeakReport:
    """What the leak alarms were sounded on, and what each of them said of each forecaster."""

    tickers: tuple[str, ...]
    first_session: str
    last_session: str
    scored_sessions: int
    config: FusionConfig
    alarms: dict[str, tuple[Alarm, ...]]

    @property
    def fired(self) -> bool:
        """Whether any alarm did."""
        return any(alarm.fired for alarms in self.alarms.values() for alarm in alarms)


def look_for_leaks(
    db: sqlite3.Connection, *, config: FusionConfig = LEAK_CONFIG, progress: Progress = silent
) -> LeakReport:
    """Sound every leak alarm on the fusion model and every baseline, on the newest sessions stored.

    The panel is that of LEAK_TICKERS tickers, the ones with most bars in the last LEAK_SESSIONS sessions.

    Raises
    ------
    NotEnoughHistory
        Nothing is stored, or too little to fit and score on.
    """
    last = resolve_session(db, None)
    first = session_after(last, 1 - LEAK_SESSIONS)
    progress("reading the record", 0, 1)
    everyone = load_panel(db, last, first_session=first)
    bars = dict(zip(everyone.tickers, everyone.present.sum(axis=0).tolist(), strict=True))
    chosen = sorted(bars, key=lambda ticker: (-bars[ticker], ticker))[:LEAK_TICKERS]
    panel = load_panel(db, last, chosen, scorer=choose_stored_scorer(db), first_session=first)
    progress("reading the record", 1, 1)
    scored = min(max(len(panel.sessions) // 8, LEAK_SCORED[0]), LEAK_SCORED[1])
    alarms = {
        name: tuple(sound_alarms(make, panel, scored=scored, progress=progress, name=name))
        for name, make in forecasters(config, trees=LEAK_TREES).items()
    }
    return LeakReport(panel.tickers, panel.sessions[0], last, scored, config, alarms)


def forecasters(
    config: FusionConfig | None = None, progress: Progress = silent, *, trees: TreesConfig | None = None
) -> dict[str, Callable[[], Forecaster]]:
    """Return the fusion model and every baseline that can run here, each as a maker of a fresh one.

    Makers can be pickled. Where LightGBM's library is missing, the others go on without it, and a warning
    says so. The foundation model is never among them: it needs an extra and weights, and is for those who
    name it.
    """
    made: dict[str, Callable[[], Forecaster]] = {
        FUSION_MODEL: partial(FusionForecaster, config, HeardHere(progress)),
        **baselines(),
        LightGbmQuantiles.model: partial(LightGbmQuantiles, trees),
    }
    try:
        load_lightgbm()
    except ConfigurationError as error:
        logger.warning("Going on without %s: %s", LightGbmQuantiles.model, error)
        del made[LightGbmQuantiles.model]
    return made


def choose_stored_scorer(db: sqlite3.Connection) -> str:
    """Return whose scores a panel reads, or an empty name where no post is scored."""
    return facts.preferred_scorer(db) or ""


def resolve_session(db: sqlite3.Connection, as_of: str | None) -> str:
    """Return the session asked for, or the newest one stored.

    Raises
    ------
    BadInput
        The date is no trading session, or lies after the record.
    NotEnoughHistory
        Nothing is stored.
    """
    newest = facts.last_session(db)
    if newest is None:
        raise NotEnoughHistory(
            "no prices are stored yet; run `barograph import prices FILE` or `barograph collect prices` first"
        )
    if as_of is None:
        return newest
    if not is_session(as_of):
        raise BadInput(
            f"{as_of} is not a trading session; the one before it is {last_session_on_or_before(as_of)}"
        )
    if as_of > newest:
        raise BadInput(f"{as_of} lies after the newest session stored, {newest}: collect or import first")
    return as_of
