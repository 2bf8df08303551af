"""How rare anomalies are where nothing happens, and which events a budget finds, beside simple rules.

    python -m benchmarks.anomalies calibration|events|budget|injected|intraday|speed HOME BACKTEST.csv [...]
        [--from 2012-01-03] [--to 2016-12-30] [--model fusion]
    python -m benchmarks.anomalies nab [FOLDER]

HOME holds prices, posts and the earnings calendar; the CSVs are one-session forecasts that `barograph
backtest` wrote. FOLDER (default ../shared/data/anomalies) holds NAB's tweet counts and their windows.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
from scipy.stats import chi2, landau

from benchmarks.anomaly_nab import nab
from collectors.market_calendar import opens_between
from collectors.records import Quote
from collectors.store import last_session, preferred_scorer
from desktop_app.store import open_home_reader
from fusion_model.advice.anomalies import MARKET_MEASURES, TICKER_MEASURES, find_anomalies, return_p_values
from fusion_model.advice.intraday import (
    OVERNIGHT,
    OVERNIGHT_OF_REPORT,
    quantiles_so_far,
    two_sided,
    unusual_quotes,
)
from fusion_model.advice.joint import cauchy_combination, false_discovery_rate, within_budget
from fusion_model.advice.measures import REACH, Measured, measured, newest, p_values, volatility
from fusion_model.dataset.panel import CLOSE, HIGH, LOW, OPEN, VOLUME, FloatArray, Panel, load_panel
from fusion_model.evaluation.scorecard import BacktestTable, read_backtest
from fusion_model.findings import Forecast

EVENTS = Path(__file__).with_name("anomaly_events.csv")
LEVELS = (0.5, 0.1, 0.05, 0.01, 0.001, 0.0001)
BUDGETS = (0.05, 0.25, 2.0)  # alerts of a ticker in 21 sessions
MONTH = 21
THRESHOLD_SESSIONS = 250  # before each, that a threshold is set on
AROUND = 1  # sessions before and after an event in which an alert counts as its
Z_MEMORY, GAUSSIAN_WINDOW = 250, 60
SEEDS, INJECTED = 3, 300


@dataclass(frozen=True)
class Span:
    """What every table is made from: scores of all sessions, and the rows that are reported."""

    known: Measured
    rows: range
    quantiles: FloatArray  # (T, N, Q), NaN without a forecast
    by_measure: dict[str, FloatArray]  # p-values (T, N)

    @property
    def panel(self) -> Panel:
        return self.known.panel

    @property
    def together(self) -> FloatArray:
        """P-values (T, N, K) of TICKER_MEASURES."""
        return np.stack([self.by_measure[name] for name in TICKER_MEASURES], axis=2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    tables = {
        "calibration": calibration, "events": events, "budget": budget, "injected": injected,
        "intraday": intraday, "speed": speed,
    }  # fmt: skip
    parser.add_argument("what", choices=[*tables, "nab"])
    parser.add_argument("home", type=Path, nargs="?", default=Path("../shared/data/anomalies"))
    parser.add_argument("backtests", type=Path, nargs="*")
    parser.add_argument("--from", dest="first", default="2012-01-03")
    parser.add_argument("--to", dest="last", default="2016-12-30")
    parser.add_argument("--model", default="fusion")
    chosen = parser.parse_args()
    if chosen.what == "nab":
        nab(chosen.home)
        return
    span = load_span(chosen.home, chosen.backtests, chosen.model, chosen.first, chosen.last)
    sessions = span.panel.sessions
    print(
        f"{chosen.what}: {chosen.model}, {len(span.panel.tickers)} tickers, {sessions[span.rows.start]} to "
        f"{sessions[span.rows.stop - 1]}, {len(span.rows)} sessions\n"
    )
    tables[chosen.what](span)


def load_span(home: Path, files: Sequence[Path], model: str, first: str, last: str) -> Span:
    """Read a home as of the last session and the forecasts for it; judge THRESHOLD_SESSIONS more before."""
    with closing(open_home_reader(home)) as db:
        newest_session = last_session(db) or ""
        panel = load_panel(db, min(last, newest_session), scorer=preferred_scorer(db) or "")
    start = next(row for row, session in enumerate(panel.sessions) if session >= first)
    known = measured(panel, len(panel.sessions) - start + THRESHOLD_SESSIONS)
    panel = known.panel
    rows = range(next(r for r, s in enumerate(panel.sessions) if s >= first), len(panel.sessions))
    quantiles = forecast_quantiles(panel, [read_backtest(file) for file in files], model)
    return Span(known, rows, quantiles, all_p_values(known, quantiles, rows.start - THRESHOLD_SESSIONS))


def forecast_quantiles(panel: Panel, tables: Sequence[BacktestTable], model: str) -> FloatArray:
    """Return (T, N, Q) in the row of the session that was forecast."""
    row_of = {session: t for t, session in enumerate(panel.sessions)}
    column_of = {ticker: n for n, ticker in enumerate(panel.tickers)}
    found = np.full((*panel.present.shape, 17), np.nan)
    for table in tables:
        for k in np.flatnonzero((table.model == model) & (table.horizon == 1)):
            target, ticker = table.target_session[k], table.ticker[k]
            if target in row_of and ticker in column_of:
                found[row_of[target], column_of[ticker]] = table.quantiles[k]
    return found


def all_p_values(known: Measured, quantiles: FloatArray, first: int) -> dict[str, FloatArray]:
    """Return each measure's p-values (T, N), from a row on; the market's (T, 1)."""
    returns = known.panel.log_returns
    found = {"return": np.full(returns.shape, np.nan)}
    there = np.isfinite(quantiles[:, :, 0]) & np.isfinite(returns)
    found["return"][there] = return_p_values(quantiles[there], returns[there])
    for name, measure in known.by_name.items():
        found[name] = np.full(measure.score.shape, np.nan)
        for row in range(max(first, 1), len(returns)):
            found[name][row] = p_values(measure, row, known.reports)
    return found


# Calibration --------------------------------------------------------------------------------------


def calibration(span: Span) -> None:
    """Print shares of p-values at and below each level over the level: 1 is right, above 1 too small."""
    reports = span.known.reports
    print("| measure | sessions | p-values |" + "".join(f" {level:g} |" for level in LEVELS))
    print("|---|---|---:|" + "---:|" * len(LEVELS))
    inside = np.zeros(reports.shape, dtype=bool)
    inside[span.rows.start :] = True
    for name, p in span.by_measure.items():
        kinds = (("all", np.ones_like(p, dtype=bool)),)
        if p.shape == reports.shape:
            kinds = (("ordinary", ~reports), ("report expected", reports))
        for kind, mask in kinds:
            print(ratio_line(name, kind, p[mask & inside[:, : p.shape[1]]]))
    there = np.isfinite(span.by_measure["return"]) & inside
    rows = span.together[there]
    print("\nAll measures of a ticker as one, by five rules\n")
    print("| rule | sessions | p-values |" + "".join(f" {level:g} |" for level in LEVELS))
    print("|---|---|---:|" + "---:|" * len(LEVELS))
    for name, rule in JOINT_RULES.items():
        print(ratio_line(name, "all", rule(rows)))
    print("\nCauchy combination by year, at .01")
    joint = cauchy_combination(span.together)
    years = np.array([session[:4] for session in span.panel.sessions])
    for year in sorted(set(years[span.rows.start :])):
        p = joint[(years == year)[:, None] & there]
        print(f"    {year}: {(p <= 0.01).mean() / 0.01:.2f}")


def ratio_line(name: str, kind: str, p: FloatArray) -> str:
    p = p[np.isfinite(p)]
    ratios = "".join(f" {(p <= level).mean() / level:.2f} |" for level in LEVELS) if len(p) else ""
    return f"| {name} | {kind} | {len(p):,} |{ratios}"


def harmonic_mean(p: FloatArray) -> FloatArray:
    """Wilson (2019), with the Landau distribution of the mean of 1 / p."""
    number = np.isfinite(p).sum(axis=1)
    location = np.log(number) + 1.0 - np.euler_gamma - np.log(2.0 / np.pi)
    return np.asarray(landau.sf(np.nanmean(1.0 / p, axis=1), loc=location, scale=np.pi / 2.0))


def bonferroni(p: FloatArray) -> FloatArray:
    return np.minimum(np.nanmin(p, axis=1) * np.isfinite(p).sum(axis=1), 1.0)


def fisher(p: FloatArray) -> FloatArray:
    return np.asarray(chi2.sf(-2.0 * np.nansum(np.log(p), axis=1), 2 * np.isfinite(p).sum(axis=1)))


def brown(p: FloatArray) -> FloatArray:
    """Brown (1975) with the covariance of the sample itself: what it could do at best."""
    logs = -2.0 * np.log(p)
    covariance = np.ma.cov(np.ma.masked_invalid(logs).T).data
    there = np.isfinite(p).astype(float)
    expected, variance = 2.0 * there.sum(axis=1), np.einsum("ni,ij,nj->n", there, covariance, there)
    scale, freedom = variance / (2.0 * expected), 2.0 * expected**2 / variance
    return np.asarray(chi2.sf(np.nansum(logs, axis=1) / scale, freedom))


JOINT_RULES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "Cauchy combination": cauchy_combination,
    "harmonic mean": harmonic_mean,
    "Bonferroni": bonferroni,
    "Brown": brown,
    "Fisher": fisher,
}


# Events -------------------------------------------------------------------------------------------


def scores_of(span: Span) -> dict[str, FloatArray]:
    """Return (T, N) scores of each method, larger is stranger; all know nothing of the session's future."""
    returns = span.panel.log_returns
    with np.errstate(divide="ignore", invalid="ignore"):
        dollars = np.log(span.panel.ohlcv[:, :, CLOSE] * span.panel.ohlcv[:, :, VOLUME])
    dollars[~np.isfinite(dollars)] = np.nan
    z_return = np.abs(returns) / deviation_before(returns, Z_MEMORY)
    z_volume = (dollars - mean_before(dollars, Z_MEMORY)) / deviation_before(dollars, Z_MEMORY)
    return {
        "all measures together": -np.log(cauchy_combination(span.together)),
        "return alone, under the forecast": -np.log(span.by_measure["return"]),
        "volume alone": -np.log(span.by_measure["volume"]),
        "windowed Gaussian (60 sessions)": np.abs(returns - mean_before(returns, GAUSSIAN_WINDOW))
        / deviation_before(returns, GAUSSIAN_WINDOW),
        "z-score of the return (250)": z_return,
        "larger z-score of return and volume": np.fmax(z_return, z_volume),
    }


def market_scores(span: Span) -> dict[str, FloatArray]:
    returns = span.panel.log_returns
    known = np.isfinite(returns)
    mean = np.where(known, returns, 0.0).sum(axis=1, keepdims=True) / np.maximum(
        known.sum(axis=1, keepdims=True), 1
    )
    both = np.concatenate([span.by_measure[name] for name in MARKET_MEASURES], axis=1)
    return {
        "turbulence and mean move together": -np.log(cauchy_combination(both))[:, None],
        "turbulence alone": -np.log(span.by_measure["turbulence"]),
        "windowed Gaussian of the mean return": np.abs(mean - mean_before(mean, GAUSSIAN_WINDOW))
        / deviation_before(mean, GAUSSIAN_WINDOW),
        "z-score of the mean return (250)": np.abs(mean) / deviation_before(mean, Z_MEMORY),
    }


def mean_before(values: FloatArray, span: int) -> FloatArray:
    known = np.isfinite(values)
    total = np.cumsum(np.vstack([np.zeros((1, values.shape[1])), np.where(known, values, 0.0)]), axis=0)
    count = np.cumsum(np.vstack([np.zeros((1, values.shape[1])), known]), axis=0)
    first = np.maximum(np.arange(len(values)) - span, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (total[:-1] - total[first]) / np.where(count[:-1] - count[first] >= span // 2,
                                                      count[:-1] - count[first], np.nan)  # fmt: skip


def deviation_before(values: FloatArray, span: int) -> FloatArray:
    variance = mean_before(values**2, span) - mean_before(values, span) ** 2
    with np.errstate(invalid="ignore"):
        return np.sqrt(np.where(variance > 0, variance, np.nan))


def thresholds(score: FloatArray, rows: range) -> FloatArray:
    """Return (T, budgets): what the THRESHOLD_SESSIONS before exceeded so often, all tickers pooled."""
    found = np.full((len(score), len(BUDGETS)), np.inf)
    levels = [1.0 - per_month / MONTH for per_month in BUDGETS]
    for row in rows:
        past = score[row - THRESHOLD_SESSIONS : row]
        past = past[np.isfinite(past)]
        if len(past):
            found[row] = np.quantile(past, levels)
    return found


def alerts_beyond(score: FloatArray, limits: FloatArray) -> list[np.ndarray]:
    """Return the alerts (T, N) of each budget."""
    with np.errstate(invalid="ignore"):
        return [score > limits[:, [b]] for b in range(len(BUDGETS))]


def events(span: Span) -> None:
    """Print, per budget and method, how many listed events are found, and how soon."""
    listed = read_events(span)
    for kind, title in (
        ("sudden", "Sudden news of one company"),
        ("report", "Earnings reports, whose date was known"),
        ("market", "Events of the whole market"),
    ):
        of_kind = [event for event in listed if event["kind"] == kind]
        print(f"\n{title}: {len(of_kind)} in the span\n")
        print("| method | budget | spent | found | on the day | a session before | after | missed |")
        print("|---|---:|---:|---:|---:|---:|---:|---|")
        methods = market_scores(span) if kind == "market" else scores_of(span)
        for name, score in methods.items():
            within = alerts_beyond(score, thresholds(score, span.rows))
            for per_month, alerts in zip(BUDGETS, within, strict=True):
                print(event_line(span, name, score, alerts, per_month, of_kind))
        for per_month in BUDGETS:
            chance = 1.0 - (1.0 - per_month / MONTH) ** (2 * AROUND + 1)
            print(f"| by chance | {per_month:g} | | {chance * 100:.0f} % | | | | |")


def read_events(span: Span) -> list[dict[str, str]]:
    with EVENTS.open(encoding="utf-8") as file:
        listed = list(csv.DictReader(file))
    sessions = set(span.panel.sessions[span.rows.start :])
    return [
        event
        for event in listed
        if event["session"] in sessions and event["ticker"] in (*span.panel.tickers, "MARKET")
    ]


def event_line(
    span: Span,
    name: str,
    score: FloatArray,
    alerts: np.ndarray,
    per_month: float,
    listed: Sequence[dict[str, str]],
) -> str:
    judged = np.isfinite(score[span.rows.start :]).sum()
    spent = alerts.sum() / max(judged, 1) * MONTH
    when: dict[int, int] = defaultdict(int)
    missed = []
    for event in listed:
        row = span.panel.position(event["session"])
        column = 0 if event["ticker"] == "MARKET" else span.panel.tickers.index(event["ticker"])
        near = [at - row for at in range(row - AROUND, row + AROUND + 1)
                if at < len(alerts) and alerts[at, column]]  # fmt: skip
        if near:
            when[0 if 0 in near else near[0]] += 1
        else:
            missed.append(f"{event['ticker']} {event['session']}")
    found = sum(when.values())
    return (
        f"| {name} | {per_month:g} | {spent:.2f} | {found} of {len(listed)} | {when[0]} | {when[-1]} "
        f"| {when[1]} | {', '.join(missed[:6])}{' …' if len(missed) > 6 else ''} |"
    )


# Budget -------------------------------------------------------------------------------------------


def budget(span: Span) -> None:
    """Print what the product's own rule spends: of every budget, by year, and at worst in a month."""
    joint = cauchy_combination(span.together)
    days = np.array([date.fromisoformat(session).toordinal() for session in span.panel.sessions])
    years = np.array([session[:4] for session in span.panel.sessions])
    shares = np.full(joint.shape, np.nan)
    for row in span.rows:
        shares[row] = false_discovery_rate(joint[row])
    names = sorted(set(years[span.rows.start :]))
    print("| budget | ceiling | chance allowed | alerts a ticker and month | most in 31 days |", end="")
    print("".join(f" {year} |" for year in names) + "\n|---:|---:|---:|---:|---:|" + "---:|" * len(names))
    for per_month, ceiling, share in (
        (2.0, 0.01, 0.2), (2.0, 0.01, 1.0), (2.0, 0.1, 1.0),
        (1.0, 0.1, 1.0), (0.5, 0.1, 1.0), (0.1, 0.1, 1.0),
    ):  # fmt: skip
        alerts = np.zeros(joint.shape, dtype=bool)
        for n in range(joint.shape[1]):
            own = [row for row in span.rows if joint[row, n] <= ceiling and shares[row, n] <= share]
            alerts[own, n] = within_budget(days[own].tolist(), joint[own, n].tolist(), per_month, ceiling)
        judged = np.isfinite(joint)
        judged[: span.rows.start] = False
        by_year = [
            alerts[years == year].sum() / max(judged[years == year].sum(), 1) * MONTH for year in names
        ]
        worst = max(
            int(np.count_nonzero(alerts[(days > day - 31) & (days <= day)], axis=0).max())
            for day in days[span.rows.start :]
        )
        spent = alerts.sum() / judged.sum() * MONTH
        print(
            f"| {per_month:g} | {ceiling:g} | {share:g} | {spent:.3f} | {worst} |"
            + "".join(f" {value:.2f} |" for value in by_year)
        )


# Injected anomalies -------------------------------------------------------------------------------

CASES = {  # by name: move in units of the stock's volatility, factor on the volume
    "move of 3": (3.0, 1.0),
    "move of 4": (4.0, 1.0),
    "move of 6": (6.0, 1.0),
    "volume of 3 times": (0.0, 3.0),
    "volume of 6 times": (0.0, 6.0),
    "move of 2, volume of 2 times": (2.0, 2.0),
    "move of 3, volume of 3 times": (3.0, 3.0),
}


def injected(span: Span) -> None:
    """Print recall and precision on moves and volumes that were put into the real record."""
    limits = {name: thresholds(score, span.rows) for name, score in scores_of(span).items()}
    print("| injected | method |" + "".join(f" found, budget {b:g} | precision |" for b in BUDGETS))
    print("|---|---|" + "---:|---:|" * len(BUDGETS))
    for case, (move, volume) in CASES.items():
        hits: dict[tuple[str, float], list[float]] = defaultdict(list)
        precise: dict[tuple[str, float], list[float]] = defaultdict(list)
        for seed in range(SEEDS):
            cells = choose_cells(span, seed)
            changed = with_injected(span, cells, move, volume, seed)
            for name, score in scores_of(changed).items():
                within = alerts_beyond(score, limits[name])
                for per_month, alerts in zip(BUDGETS, within, strict=True):
                    found = alerts[cells[:, 0], cells[:, 1]]
                    hits[name, per_month].append(float(found.mean()))
                    precise[name, per_month].append(float(found.sum() / max(alerts.sum(), 1)))
        for name in limits:
            print(f"| {case} | {name} |" + "".join(
                f" {np.mean(hits[name, b]) * 100:.0f} % | {np.mean(precise[name, b]) * 100:.0f} % |"
                for b in BUDGETS
            ))  # fmt: skip


def choose_cells(span: Span, seed: int) -> np.ndarray:
    """Return (INJECTED, 2) rows and columns of ordinary sessions with a forecast, far from each other."""
    random = np.random.default_rng(seed)
    good = np.isfinite(span.by_measure["return"]) & ~span.known.reports
    good[: span.rows.start] = False
    cells = np.argwhere(good)
    random.shuffle(cells)
    taken: dict[int, list[int]] = defaultdict(list)
    chosen = []
    for row, column in cells:
        if all(abs(row - other) > 30 for other in taken[column]):
            taken[column].append(row)
            chosen.append((row, column))
        if len(chosen) == INJECTED:
            break
    return np.array(chosen)


def with_injected(span: Span, cells: np.ndarray, move: float, volume: float, seed: int) -> Span:
    """Return the span with closes moved from each cell on (a jump stays), and its volume multiplied."""
    random = np.random.default_rng(1000 + seed)
    panel = span.panel
    ohlcv = panel.ohlcv.copy()
    known = volatility(panel)
    for row, column in cells:
        step = move * known[row - 1, column] * random.choice([-1.0, 1.0])
        ohlcv[row, column, CLOSE] *= np.exp(step)
        ohlcv[row + 1 :, column, :4] *= np.exp(step)
        day = ohlcv[row, column]
        day[HIGH], day[LOW] = max(day[HIGH], day[CLOSE]), min(day[LOW], day[CLOSE])
        day[VOLUME] *= volume
    changed = measured(replace(panel, ohlcv=ohlcv), len(panel.sessions) - REACH)
    p = {name: values.copy() for name, values in span.by_measure.items()}
    returns = changed.panel.log_returns
    at = tuple(cells.T)
    p["return"][at] = return_p_values(span.quantiles[at], returns[at])
    for name in ("range", "volume", "spread"):
        for row in np.unique(cells[:, 0]):
            p[name][row] = p_values(changed.by_name[name], int(row), changed.reports)
    return Span(changed, span.rows, span.quantiles, p)


# The session under way ----------------------------------------------------------------------------


def intraday(span: Span) -> None:
    """Print the overnight share of variance, and how rare the open, the extremes and the close are called."""
    rows = slice(span.rows.start, None)
    panel, reports = span.panel, span.known.reports[rows]
    prices, q = panel.ohlcv[rows], span.quantiles[rows]
    total = panel.log_returns[rows]
    trading = np.log(prices[:, :, CLOSE] / prices[:, :, OPEN])
    night = total - trading
    for name, mask in (("ordinary", ~reports), ("report expected", reports)):
        both = np.isfinite(total) & mask
        share = (night[both] ** 2).sum() / ((night[both] ** 2).sum() + (trading[both] ** 2).sum())
        print(f"overnight share of the squared move, {name}: {share:.3f} of {both.sum():,} sessions")
    print("\n| price | sessions | n |" + "".join(f" {level:g} |" for level in LEVELS[1:]))
    print("|---|---|---:|" + "---:|" * (len(LEVELS) - 1))
    for name, mask in (("ordinary", ~reports), ("report expected", reports)):
        there = np.isfinite(total) & np.isfinite(q[:, :, 0]) & mask
        quantiles, opened = q[there], night[there]
        high = opened + np.log(prices[:, :, HIGH] / prices[:, :, OPEN])[there]
        low = opened + np.log(prices[:, :, LOW] / prices[:, :, OPEN])[there]
        share = np.full(len(opened), OVERNIGHT if name == "ordinary" else OVERNIGHT_OF_REPORT)
        outside = np.minimum(two_sided(quantiles, high), two_sided(quantiles, low))
        for price, p in (
            ("open, at that minute", two_sided(quantiles_so_far(quantiles, share), opened)),
            ("close", two_sided(quantiles, total[there])),
            ("farthest of the session, any look", np.minimum(2.0 * outside, 1.0)),
            ("the same without the factor 2", outside),
        ):
            line = "".join(f" {(p <= level).mean() / level:.2f} |" for level in LEVELS[1:])
            print(f"| {price} | {name} | {len(p):,} |{line}")


# Speed --------------------------------------------------------------------------------------------


def speed(span: Span) -> None:
    """Print what judging one session costs, and 500 quotes; processor time, the best of five."""
    panel = newest(span.panel, REACH + 1)
    row = len(panel.sessions) - 1
    said = [
        forecast_row(ticker, panel, row, q)
        for ticker, q in zip(panel.tickers, span.quantiles[-1], strict=True)
        if np.isfinite(q[0])
    ]
    print(f"{len(panel.tickers)} tickers judged: {best_of(lambda: find_anomalies(panel, said)):.2f} s")
    many = [replace(said[k % len(said)], ticker=f"T{k}") for k in range(500)]
    at = opens_between(f"{panel.sessions[row]}T00:00:00Z", f"{panel.sessions[row]}T23:00:00Z")[0][1]
    quotes = [Quote(one.ticker, one.last_close * 1.001, at, "test", at) for one in many]
    print(f"500 quotes judged: {best_of(lambda: unusual_quotes(quotes, many)) * 1e3:.1f} ms")


def forecast_row(ticker: str, panel: Panel, row: int, quantiles: FloatArray) -> Forecast:
    before, session = panel.sessions[row - 1], panel.sessions[row]
    close = float(panel.ohlcv[row - 1, panel.tickers.index(ticker), CLOSE])
    return Forecast("", "", ticker, before, 1, session, close, tuple(quantiles.tolist()), 0.0, 0.5, 0.01, "")


def best_of(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(5):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


if __name__ == "__main__":
    main()
