"""Risk put to the test: as a regulator would, against other ways to see it, and by the clock.

    python benchmarks/risk.py tests HOME WALK.csv --span development     as a regulator would
    python benchmarks/risk.py copula HOME WALK.csv                       how much of the past (development)
    python benchmarks/risk.py drawdown HOME WALK.csv --span development  falls on the way, of a portfolio
    python benchmarks/risk.py tail HOME                                  the shape of the tails beyond 5 %
    python benchmarks/risk.py unseen HOME                                how often "never seen" would be said
    python benchmarks/risk.py page HOME                                  50 holdings, from stored findings

HOME is one with the prices of ../shared/data. The test span is there to be opened once.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from desktop_app.risk_rows import TEST_HEADER, load_risk_page, tested_rows  # noqa: E402
from desktop_app.store import open_home, open_home_reader  # noqa: E402
from desktop_app.terminal import table  # noqa: E402
from fusion_model.advice.drawdown import deepest_within, scenario_drawdowns  # noqa: E402
from fusion_model.advice.scenarios import joint_scenarios, standardised_outcomes  # noqa: E402
from fusion_model.advice.tails import fit_tail, sample_value_at_risk  # noqa: E402
from fusion_model.dataset.features import PRICE_FEATURES, build_features  # noqa: E402
from fusion_model.dataset.panel import Panel, load_panel  # noqa: E402
from fusion_model.evaluation.risk_backtest import (  # noqa: E402
    MIN_HISTORY,
    judge_equal_weights,
    judge_stocks,
)
from fusion_model.evaluation.scorecard import BacktestTable  # noqa: E402
from fusion_model.evaluation.significance import kupiec  # noqa: E402
from fusion_model.findings import FUSION_MODEL, HORIZONS, QUANTILE_NAMES, Forecast  # noqa: E402
from fusion_model.store import last_forecast_session, load_forecasts  # noqa: E402

SPANS = {"development": ("2012-01-01", "2016-12-31"), "test": ("2017-01-01", "2021-12-31")}
MODELS = (FUSION_MODEL, "gjr_garch_fhs", "historical_simulation")
COPULA_SESSIONS = (500, 1000, 2500)
COPULA_OF_TEN_YEARS = 2500  # sessions that each stock of the tested portfolio has before: no gap to fill


def main() -> None:
    """Run the part that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("part", choices=sorted(PARTS))
    parser.add_argument("home", type=Path)
    parser.add_argument("walk", type=Path, nargs="*")
    parser.add_argument("--span", choices=sorted(SPANS), default="development")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--horizons", default="1,5,20")
    parser.add_argument("--no-portfolio", action="store_true")
    options = parser.parse_args()
    if options.part in ("tests", "copula", "drawdown") and not options.walk:
        parser.error(f"{options.part} reads a backtest's CSV")
    PARTS[options.part](options)


def read_walk(
    files: Sequence[Path], models: Sequence[str], horizons: Sequence[int], span: str
) -> BacktestTable:
    """Read some models of a long backtest (one file or several), of one span, where it has come true."""
    first, last = SPANS[span]
    text = ["model", "ticker", "as_of_session"]
    wanted = [*text, "horizon", "last_close", *QUANTILE_NAMES, "mean", "prob_up", "realised"]
    parts = []
    for file in files:
        kinds = dict.fromkeys(text, "category")
        for part in pd.read_csv(file, usecols=wanted, dtype=kinds, chunksize=400_000):
            kept = part["model"].isin(models) & part["horizon"].isin(horizons) & part["realised"].notna()
            session = part["as_of_session"].astype(str)
            parts.append(part[kept & (session >= first) & (session <= last)])
    frame = pd.concat(parts, ignore_index=True)
    return BacktestTable(
        **{name: frame[name].astype(object).to_numpy() for name in text},
        target_session=np.full(len(frame), "", dtype=object),
        horizon=frame["horizon"].to_numpy(dtype=np.int64),
        quantiles=frame[list(QUANTILE_NAMES)].to_numpy(dtype=np.float64),
        **{name: frame[name].to_numpy(float) for name in ("last_close", "mean", "prob_up", "realised")},
    )


def whole_panel(home: Path) -> Panel:
    """Everything in the record."""
    with closing(open_home(home)) as db:
        last = db.execute("SELECT max(session) FROM price_bar").fetchone()[0]
        return load_panel(db, last)


def _walk(options: argparse.Namespace, models: Sequence[str] | None = None) -> BacktestTable:
    horizons = [int(text) for text in options.horizons.split(",")]
    return read_walk(options.walk, models or options.models.split(","), horizons, options.span)


def tests(options: argparse.Namespace) -> None:
    """Print passes of stocks, and p-values of a portfolio of equal weights."""
    walk = _walk(options)
    found = judge_stocks(walk)
    if not options.no_portfolio:
        found += judge_equal_weights(walk, whole_panel(options.home), min_history=COPULA_OF_TEN_YEARS)
    print(table(TEST_HEADER, tested_rows(found), left=2))
    print("\nsaid and came, of the portfolio: mean value at risk, mean expected shortfall, Z1, Z2")
    for one in found:
        if one.subject.startswith("portfolio"):
            z1 = "" if one.z1 is None else f"{one.z1:+.2f}"
            print(
                f"  {one.horizon:3d}  {one.share:.0%}  {one.model:24s}{one.exceptions:4d} of "
                f"{one.sessions:<5d}{one.mean_var:8.2%}{one.mean_es:8.2%}  {z1:>6}  {one.z2:+.2f}"
            )


def copula(options: argparse.Namespace) -> None:
    """Compare lengths of the past that the dependence is read from, on the development span."""
    options.span = "development"
    walk, panel = _walk(options, [FUSION_MODEL]), whole_panel(options.home)
    for sessions in COPULA_SESSIONS:
        for one in judge_equal_weights(
            walk, panel, copula_sessions=sessions, min_history=COPULA_OF_TEN_YEARS
        ):
            z1 = "" if one.z1 is None else f"{one.z1:+.2f} (p {one.z1_p:.2f})"
            print(
                f"{sessions:6d} sessions  {one.horizon:2d} ahead  {one.share:.0%}: {one.exceptions:3d} of "
                f"{one.sessions} came ({one.exceptions / one.sessions:.2%}, Kupiec p {one.kupiec_p:.2f})  "
                f"Z1 {z1}  Z2 {one.z2:+.2f} (p {one.z2_p:.2f})  "
                f"mean VaR {one.mean_var:.2%}, ES {one.mean_es:.2%}",
                flush=True,
            )


def drawdown(options: argparse.Namespace) -> None:
    """How often a portfolio of equal weights fell deeper below a peak than 5 and 1 % of the paths."""
    walk, panel = _walk(options, [FUSION_MODEL]), whole_panel(options.home)
    for horizon in (5, 20):
        at = walk.horizon == horizon
        sessions = sorted(set(walk.as_of_session[at]))[::horizon]
        known = panel.present[: panel.position(sessions[0])].sum(axis=0)
        old = {ticker for n, ticker in enumerate(panel.tickers) if known[n] >= MIN_HISTORY}
        said: dict[str, list[Forecast]] = {session: [] for session in sessions}
        for row in np.flatnonzero(at):
            session, ticker = walk.as_of_session[row], walk.ticker[row]
            if session in said and ticker in old:
                said[session].append(_forecast(walk, int(row)))
        beyond = []
        for session, forecasts in said.items():
            drawn = joint_scenarios(panel, forecasts, horizon, count=4000)
            weights = np.full(len(forecasts), 1 / len(forecasts))
            falls = scenario_drawdowns(panel, drawn, weights, [one.volatility for one in forecasts])
            start = panel.position(session)
            columns = [panel.tickers.index(one.ticker) for one in forecasts]
            steps = np.nan_to_num(panel.log_returns[start + 1 : start + 1 + horizon][:, columns])
            came = deepest_within((np.exp(np.cumsum(steps, axis=0)) @ weights)[None, :])[0]
            beyond.append([came > sample_value_at_risk(-falls, share) for share in (0.05, 0.01)])
        for share, hits in zip((0.05, 0.01), np.array(beyond).T, strict=True):
            p = kupiec(int(hits.sum()), len(hits), share).p_value
            print(
                f"{horizon:2d} ahead  {share:.0%}: {hits.sum()} of {len(hits)} fell deeper, Kupiec p {p:.2f}"
            )


def _forecast(walk: BacktestTable, row: int) -> Forecast:
    quantiles = tuple(walk.quantiles[row].tolist())
    middle = (quantiles[13] - quantiles[3]) / (2 * 1.2816)  # the deviation that 10 and 90 % imply
    return Forecast(
        FUSION_MODEL, "", walk.ticker[row], walk.as_of_session[row], int(walk.horizon[row]), "",
        float(walk.last_close[row]), quantiles, float(walk.mean[row]), 0.5, middle,
    )  # fmt: skip


def tail(options: argparse.Namespace) -> None:
    """Print the shape of a generalised Pareto fitted to the worst 5 % of standardised outcomes, by span."""
    panel = whole_panel(options.home)
    for horizon in HORIZONS:
        outcomes = standardised_outcomes(panel, horizon)
        for span, (first, last) in {"2000-2011": ("2000", "2011-12-31"), **SPANS}.items():
            rows = [t for t, session in enumerate(panel.sessions) if first <= session <= last]
            pooled = outcomes[rows[::horizon]]
            flat = pooled.ravel()
            told = (
                f"{horizon:2d} ahead, {span}: falls {fit_tail(-flat).shape:+.3f}, "
                f"rises {fit_tail(flat).shape:+.3f}"
            )
            own = [
                fit_tail(-pooled[:, n]).shape
                for n in range(pooled.shape[1])
                if np.isfinite(pooled[:, n]).sum() >= 1200
            ]
            if own:
                low, mid, high = np.percentile(own, [25, 50, 75])
                told += f"; quartiles of {len(own)} single stocks' falls {low:+.2f} {mid:+.2f} {high:+.2f}"
            print(told)


def unseen(options: argparse.Namespace) -> None:
    """Print by year how many forecasts have an input outside all earlier years, and which."""
    panel = whole_panel(options.home)
    features = build_features(panel).price
    years = np.array([session[:4] for session in panel.sessions])
    for year in sorted(set(years))[4:]:
        before, now = features[years < year], features[years == year]
        flat = before.reshape(-1, features.shape[2])
        low, high = np.nanmin(flat, axis=0), np.nanmax(flat, axis=0)
        margin = 1e-4 * (high - low)
        with np.errstate(invalid="ignore"):
            outside = (now > high + margin) | (now < low - margin)  # (sessions, N, F)
        days = outside.any(axis=(1, 2))
        rows = outside.any(axis=2).sum() / np.isfinite(now).all(axis=2).sum()
        often = outside.any(axis=1).sum(axis=0)
        named = [f"{PRICE_FEATURES[f]} {often[f]}" for f in np.argsort(-often)[:3] if often[f]]
        print(f"{year}: {days.sum():3d} of {len(now)} sessions, {rows:.2%} of forecasts; {', '.join(named)}")


def page(options: argparse.Namespace) -> None:
    """Time the reading of the page of 50 holdings; their risk is found first where it is not stored."""
    from fusion_model.advice.risk import holdings_from_weights
    from fusion_model.pipeline_risk import judge_portfolio

    with closing(open_home(options.home)) as db:
        session = last_forecast_session(db)
        assert session is not None
        tickers = sorted({one.ticker for one in load_forecasts(db, session)})
        panel = load_panel(db, session)
        bars = dict(zip(panel.tickers, panel.present.sum(axis=0), strict=True))
        chosen = sorted(tickers, key=lambda ticker: (-bars[ticker], ticker))[:50]
        before = time.perf_counter()
        holdings = holdings_from_weights(dict.fromkeys(chosen, 0.02))
        judge_portfolio(db, session=session, now=f"{session}T23:00:00Z", holdings=holdings)
        print(f"finding the risk of {len(chosen)} holdings: {time.perf_counter() - before:.2f} s")
    times = []
    for _ in range(20):
        before = time.perf_counter()
        with closing(open_home_reader(options.home)) as db:
            rows = load_risk_page(db, chosen[0])
        times.append(time.perf_counter() - before)
    assert rows.portfolio is not None
    assert all(len(parts) == 50 for parts in rows.portfolio.parts.values())
    print(
        f"reading its page: median {1e3 * statistics.median(times):.0f} ms, slowest {1e3 * max(times):.0f} ms"
    )
    print(f"opening it in the window, drawn: {1e3 * _in_the_window(options.home):.0f} ms")


def _in_the_window(home: Path) -> float:
    """Seconds from the choice of the page to its picture, the page's own module and widgets included."""
    from PySide6.QtWidgets import QApplication

    from desktop_app.gui.main_window import MainWindow
    from desktop_app.settings import load_settings

    app = QApplication(["barograph"])
    window = MainWindow(home, load_settings(home), remember=False)
    window.resize(1400, 900)
    window.show()
    while not window.desk.ticker:
        app.processEvents()
    done: list[object] = []
    before = time.perf_counter()
    window.page("risk").completed.connect(lambda: done.append(None))
    window.open_page("risk")
    while not done:
        app.processEvents()
    window.grab()
    took = time.perf_counter() - before
    window.close()
    return took


PARTS = {
    "tests": tests, "copula": copula, "drawdown": drawdown, "tail": tail, "unseen": unseen, "page": page,
}  # fmt: skip

if __name__ == "__main__":
    main()
