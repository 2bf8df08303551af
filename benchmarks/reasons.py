"""Are reasons complete, stable under seeds, right where the truth is planted, and cheap?

    python benchmarks/reasons.py HOME [--sessions 24] [--seeds 107 207]
    python benchmarks/reasons.py --planted

HOME holds prices and a model (`barograph train`). For each of --seeds another model is trained on the same
record, in memory. With --since or --every the record is a part of that, and its model is trained too. Nothing
is written.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from collectors.market_calendar import sessions_between
from collectors.store import load_tickers
from desktop_app.store import MODELS_FOLDER, open_home_reader
from fusion_model import pipeline
from fusion_model.dataset.panel import FloatArray, Panel, load_panel
from fusion_model.findings import HORIZONS, QUANTILE_LEVELS, Attribution
from fusion_model.forecasting.explain import attributions, explain
from fusion_model.forecasting.fusion_forecaster import FusionForecaster
from fusion_model.forecasting.fusion_network import FusionConfig
from fusion_model.forecasting.reading import USUAL_SESSIONS

LOW, MEDIAN, HIGH = (QUANTILE_LEVELS.index(level) for level in (0.05, 0.5, 0.95))
PLANTED = FusionConfig(
    use_sentiment=True,
    use_macro=True,
    hidden=16,
    lookback=16,
    segment=64,
    members=2,
    path_weight=0.0,
    epochs=10,
    batch=8,
    learning_rate=1e-2,
    stacking_sessions=0,
    calibration_sessions=300,
    adaptation_sessions=100,
)
Table = dict[str, FloatArray]  # by cause: what it adds to the log width, one value a forecast


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("home", type=Path, nargs="?")
    parser.add_argument("--sessions", type=int, default=24, help="last sessions of months to explain")
    parser.add_argument("--seeds", type=int, nargs="*", default=[], help="train other models with these")
    parser.add_argument("--since", default="", help="leave out what lies before a session, and train anew")
    parser.add_argument("--every", type=int, default=1, help="every how many tickers, and train anew")
    parser.add_argument("--planted", nargs="*", choices=PLANTS, help="which signals; without a name: all")
    chosen = parser.parse_args()
    if chosen.planted is not None:
        report_planted(chosen.planted or list(PLANTS))
    if chosen.home is not None:
        report_home(chosen.home, chosen.sessions, chosen.seeds, chosen.since, chosen.every)


# A home -------------------------------------------------------------------------------------------


def report_home(home: Path, count: int, seeds: Sequence[int], since: str, every: int) -> None:
    """Print cost, completeness, what an ordinary day is worth, and stability."""
    with closing(open_home_reader(home)) as db:
        last = pipeline.resolve_session(db, None)
        if since or every > 1:
            panel = load_panel(db, last, load_tickers(db)[::every], first_session=since)
            forecaster = FusionForecaster()
            forecaster.fit(panel, panel.sessions)
        else:
            stored = pipeline.load_forecaster(db, home / MODELS_FOLDER, last)
            if stored is None:
                raise SystemExit("the home's models know later sessions than its prices")
            forecaster, panel = stored, load_panel(db, last, scorer=stored.state.scorer)
    months = [session for session, after in zip(panel.sessions, panel.sessions[1:], strict=False)
              if session[:7] != after[:7]]  # fmt: skip
    sessions = [*months[len(months) + 1 - count :], last]
    report_cost(forecaster, panel, last)
    rows = {session: attributions(forecaster, panel, session) for session in sessions}
    report_completeness(forecaster, panel, rows)
    report_ordinary_day(forecaster, panel, rows[last])
    members = [only_member(forecaster, member) for member in range(forecaster.state.config.members)]
    tables = [table_of(attributions(one, panel, session) for session in sessions) for one in members]
    report_stability("networks of one model, each alone", tables)
    if seeds:
        others = [table_of(rows.values())]
        for seed in seeds:
            other = FusionForecaster(replace(forecaster.state.config, seed=seed))
            other.fit(panel, panel.sessions)
            others.append(table_of(attributions(other, panel, session) for session in sessions))
        report_stability("whole models with other seeds", others)


def report_cost(forecaster: FusionForecaster, panel: Panel, session: str) -> None:
    """Print how many seconds of a core explaining a session takes beside forecasting it."""
    start = time.process_time()
    forecaster.predict(panel, session)
    predicted = time.process_time()
    found = explain(forecaster, panel, session)
    explained = time.process_time()
    tickers = len({row.ticker for row in found.attributions})
    print(f"{tickers} tickers: features and forecasts {predicted - start:.1f} s of a core, reasons "
          f"{explained - predicted:.1f} s; {len(found.attributions):,} attributions, "
          f"{len(found.counterfactuals):,} counterfactuals, {len(found.related):,} neighbours")  # fmt: skip


def report_completeness(
    forecaster: FusionForecaster, panel: Panel, rows: dict[str, tuple[Attribution, ...]]
) -> None:
    """Print the largest distance between the sum of reasons and the forecast."""
    worst = {"width": 0.0, "median": 0.0}
    forecasts = 0
    for session, found in rows.items():
        sums: dict[tuple[str, int, str], float] = {}
        for row in found:
            key = (row.ticker, row.horizon, row.target)
            sums[key] = sums.get(key, 0.0) + row.contribution
        for said in forecaster.predict(panel, session):
            forecasts += 1
            width = np.log(said.quantiles[HIGH] - said.quantiles[LOW])
            for target, is_ in (("width", width), ("median", said.quantiles[MEDIAN])):
                worst[target] = max(worst[target], abs(sums[said.ticker, said.horizon, target] - is_))
    print(f"{forecasts:,} forecasts of {len(rows)} sessions: the sum of reasons misses the log of the width")
    print(f"by at most {worst['width']:.1e}, the median by at most {worst['median']:.1e} (log return)")


def report_ordinary_day(forecaster: FusionForecaster, panel: Panel, found: tuple[Attribution, ...]) -> None:
    """Print how the scale of an ordinary day compares with the scales that were forecast before."""
    prepared, state = forecaster.prepared(panel), forecaster.state
    last = len(panel.sessions) - 1
    for k, horizon in enumerate(HORIZONS):
        rows = [*range(last + 1 - USUAL_SESSIONS, last, 5), last]
        scale = np.log(np.stack([prepared.shape(state, row, k)[0] for row in rows]))
        moved: dict[str, float] = {}  # what the day adds to the log of the scale
        for row in found:
            if (row.target, row.horizon) == ("width", horizon) and row.cause not in ("usual", "calibration"):
                moved[row.ticker] = moved.get(row.ticker, 0.0) + row.contribution
        own = {ticker: scale[:, panel.tickers.index(ticker)] for ticker in moved}
        ordinary = {ticker: own[ticker][-1] - added for ticker, added in moved.items()}
        for name, middle_of in (("mean", np.nanmean), ("median", np.nanmedian)):
            ratios = [ordinary[ticker] - float(middle_of(own[ticker])) for ticker in moved]
            low, middle, high = np.exp(np.quantile(ratios, [0.1, 0.5, 0.9]))
            print(f"h {horizon:2d}: an ordinary day's scale / the {name} of the last {USUAL_SESSIONS}: "
                  f"{middle:.2f} (a tenth of the stocks below {low:.2f}, above {high:.2f})")  # fmt: skip


def only_member(forecaster: FusionForecaster, member: int) -> FusionForecaster:
    """Return a forecaster with one of the networks."""
    alone = FusionForecaster()
    state = forecaster.state
    alone._adopt(replace(state, networks=(state.networks[member],), config=replace(state.config, members=1)))
    return alone


def table_of(rows: Iterable[tuple[Attribution, ...]]) -> Table:
    """Return what each cause adds to the log width, over sessions, tickers and horizons in one order."""
    table: dict[str, list[float]] = {}
    for found in rows:
        totals: dict[tuple[str, int, str], float] = {}
        for row in found:
            if row.target == "width" and row.cause != "usual":
                key = (row.ticker, row.horizon, row.cause)
                totals[key] = totals.get(key, 0.0) + row.contribution
        causes = sorted({cause for _, _, cause in totals})
        for ticker, horizon in sorted({(ticker, horizon) for ticker, horizon, _ in totals}):
            for cause in causes:
                table.setdefault(cause, []).append(totals.get((ticker, horizon, cause), 0.0))
    return {cause: np.array(values) for cause, values in table.items()}


def report_stability(name: str, tables: Sequence[Table]) -> None:
    """Print how alike the reasons of several models are, by cause and within forecasts."""
    print(f"\n{name} ({len(tables)}), {len(next(iter(tables[0].values()))):,} forecasts")
    print("cause        mean |effect|  rank correlation  mean |difference|  same sign where |effect| > 3 %")
    for cause in tables[0]:
        if cause == "calibration":
            continue
        pairs = list(combinations([table[cause] for table in tables], 2))
        size = float(np.mean([np.abs(one).mean() for pair in pairs for one in pair]))
        rank = float(np.mean([spearmanr(a, b).statistic for a, b in pairs]))
        apart = float(np.mean([np.abs(a - b).mean() for a, b in pairs]))
        sign = float(np.mean([np.mean(np.sign(a[m]) == np.sign(b[m])) for a, b in pairs
                              if (m := np.abs(a + b) / 2 > 0.03).any()] or [np.nan]))  # fmt: skip
        print(f"{cause:<12} {size:13.3f} {rank:17.2f} {apart:18.3f} {sign:34.1%}")
    causes = [cause for cause in tables[0] if cause != "calibration"]
    stacked = [np.stack([table[cause] for cause in causes]) for table in tables]  # (G, forecasts)
    within = [
        float(np.mean([spearmanr(a[:, i], b[:, i]).statistic for i in range(0, a.shape[1], 7)]))
        for a, b in combinations(stacked, 2)
    ]
    top = [float(np.mean(np.abs(a).argmax(axis=0) == np.abs(b).argmax(axis=0)))
           for a, b in combinations(stacked, 2)]  # fmt: skip
    print(f"order of causes within a forecast: rank correlation {np.mean(within):.2f}; "
          f"the strongest cause is the same in {np.mean(top):.0%}")  # fmt: skip


# Planted signals ----------------------------------------------------------------------------------


def report_planted(causes: Sequence[str]) -> None:
    """Print the share of the attributions that the planted cause gets, one session ahead, out of sample.

    Of forecasts to which the signal says something: of reports, those before one.
    """
    print(
        "planted      share of all |effects|  next largest          rank correlation with the planted signal"
    )
    for cause in causes:
        panel, signal = PLANTS[cause]()
        forecaster = FusionForecaster(PLANTED)
        forecaster.fit(panel, panel.sessions[:1000])
        moved: dict[str, list[float]] = {}
        rows = range(1010, 1100, 3)
        for row in rows:
            totals: dict[tuple[str, str], float] = {}
            for one in attributions(forecaster, panel, panel.sessions[row]):
                if one.target == "width" and one.horizon == 1 and one.cause != "usual":
                    totals[one.cause, one.ticker] = (
                        totals.get((one.cause, one.ticker), 0.0) + one.contribution
                    )
            for name in {name for name, _ in totals}:
                moved.setdefault(name, []).extend(totals.get((name, ticker), 0.0) for ticker in panel.tickers)
        planted = signal[list(rows)].reshape(-1)
        told = planted != 0.0
        size = {name: float(np.abs(np.array(values)[told]).sum()) for name, values in moved.items()}
        whole = sum(size.values())
        second = max((name for name in size if name != cause), key=lambda name: size[name])
        rank = spearmanr(moved[cause], planted).statistic if cause in moved else np.nan
        print(f"{cause:<12} {size.get(cause, 0.0) / whole:21.0%}   {second:<12} {size[second] / whole:6.0%} "
              f"{rank:43.2f}   (mean |effect| of all causes {whole / told.sum():.3f})")  # fmt: skip


def _panel(returns: FloatArray, volume: FloatArray | None = None) -> Panel:
    """Return a panel with these log returns, ranges around them and unchanging volume."""
    T, N = returns.shape
    random = np.random.default_rng(1)
    close = 50.0 * np.exp(np.cumsum(returns, axis=0))
    open_ = close * np.exp(-returns * 2.0 / 3.0)
    reach = np.abs(returns) * random.uniform(0.1, 0.5, (T, N)) + 1e-4
    ends = np.maximum(open_, close) * np.exp(reach), np.minimum(open_, close) * np.exp(-reach)
    traded = 1e6 * np.exp(random.normal(0.0, 0.3, (T, N))) if volume is None else volume
    nothing = np.full((T, N), np.nan)
    return Panel(
        sessions=tuple(sessions_between("2012-01-03", "2020-12-31")[:T]),
        tickers=tuple(f"T{n:02d}" for n in range(N)),
        ohlcv=np.stack([open_, *ends, close, traded], axis=2),
        split_ratio=np.ones((T, N)),
        dividend=np.zeros((T, N)),
        sentiment=np.stack([nothing, nothing, *np.zeros((2, T, N)), nothing], axis=2),
        macro=np.zeros((T, 0, 2)),
        macro_series=(),
    )


T, N = 1100, 20
Plant = Callable[[], tuple[Panel, FloatArray]]


def _signal(shape: tuple[int, ...] = (T, N)) -> tuple[FloatArray, np.random.Generator]:
    random = np.random.default_rng(5)
    return random.normal(0.0, 1.0, shape), random


def _after(signal: FloatArray, random: np.random.Generator, size: float = 0.8) -> FloatArray:
    """Return normal returns whose volatility is told by the signal of the session before alone."""
    before = np.vstack([np.zeros((1, N)), np.broadcast_to(signal, (T, N))[:-1]])
    return 0.01 * np.exp(size * before) * random.normal(0.0, 1.0, (T, N))


def plant_volume() -> tuple[Panel, FloatArray]:
    signal, random = _signal()
    return _panel(_after(signal, random), 1e6 * np.exp(0.4 * signal)), signal


def plant_posts() -> tuple[Panel, FloatArray]:
    signal, random = _signal()
    posts = np.stack([np.tanh(signal), *np.zeros((1, T, N)), np.ones((T, N)), *np.zeros((2, T, N))], axis=2)
    return replace(_panel(_after(signal, random)), sentiment=posts, scorer="planted"), signal


def plant_macro() -> tuple[Panel, FloatArray]:
    signal, random = _signal((T, 1))
    macro = np.stack([signal, np.vstack([signal[:1], signal[:-1]])], axis=2)
    panel = replace(_panel(_after(signal, random)), macro=macro, macro_series=("DGS10",))
    return panel, np.broadcast_to(signal, (T, N))


def plant_earnings() -> tuple[Panel, FloatArray]:
    """Reports three times a quarter's usual number, announced five sessions ahead, three times as lively."""
    _, random = _signal()
    reacts = random.random((T, N)) < 0.05
    earnings = np.zeros((T, N, 1 + len(HORIZONS)))
    earnings[:, :, 0] = reacts
    for k, horizon in enumerate(HORIZONS, start=1):
        for ahead in range(1, min(horizon, 5) + 1):
            earnings[:-ahead, :, k] += reacts[ahead:]
    returns = np.where(reacts, 0.03, 0.01) * random.normal(0.0, 1.0, (T, N))
    return replace(_panel(returns), earnings=earnings), earnings[:, :, 1]


def plant_market() -> tuple[Panel, FloatArray]:
    """After a fall of all stocks each one is livelier; what a stock does alone tells nothing."""
    together, random = _signal((T, 1))
    returns = np.zeros((T, N))
    before = np.zeros(1)
    for t in range(T):
        returns[t] = 0.01 * np.exp(-0.8 * before) * (0.5 * together[t] + random.normal(0.0, 1.0, N))
        before = together[t]
    return _panel(returns), np.broadcast_to(-together, (T, N))


def plant_price() -> tuple[Panel, FloatArray]:
    """Each stock's volatility goes on as it was, slowly wandering."""
    steps, random = _signal()
    level = np.zeros((T, N))
    for t in range(1, T):
        level[t] = 0.97 * level[t - 1] + 0.2 * steps[t]
    ahead = np.vstack([level[1:], level[-1:]])
    return _panel(0.01 * np.exp(level) * random.normal(0.0, 1.0, (T, N))), ahead


def plant_nothing() -> tuple[Panel, FloatArray]:
    signal, random = _signal()
    return _panel(0.01 * random.normal(0.0, 1.0, (T, N))), signal


PLANTS: dict[str, Plant] = {
    "price": plant_price,
    "volume": plant_volume,
    "market": plant_market,
    "earnings": plant_earnings,
    "posts": plant_posts,
    "macro": plant_macro,
    "nothing": plant_nothing,
}


if __name__ == "__main__":
    main()
