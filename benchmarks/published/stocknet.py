"""StockNet (ACL 2018) run again: does tomorrow's price rise, of stocks whose move was not small?

    python benchmarks/published/stocknet.py [../shared/data] [--json] [--seed 7]

The command checks the published numbers of samples. Everything a forecast reads was known at the close
before. Some two minutes on one core.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks.published.logistic import Logistic, fit_best_penalty
from benchmarks.published.report import PUBLISHED, Cell, Report, data_argument, publish, require, say
from benchmarks.published.stocknet_files import (
    SAMPLES,
    SPANS,
    Sample,
    read_moves,
    read_panel,
    read_posts,
    samples_between,
    with_posts,
)
from fusion_model.dataset.features import Features, build_features
from fusion_model.dataset.panel import FloatArray, Panel
from fusion_model.evaluation.metrics import direction_counts, matthews_correlation, sign_hits
from fusion_model.evaluation.significance import session_block_interval
from fusion_model.forecasting.fusion_forecaster import FusionForecaster
from fusion_model.forecasting.fusion_network import FusionConfig

PUBLISHED_FIGURES = {"StockNet": (58.2, 0.081), "Adv-ALSTM": (57.2, 0.148), "DTML": (57.4, 0.191)}
LATER = ("2016-01-01", "2017-08-31")  # what the published tables leave out of the same price files
RESAMPLES = 2000
DRAWS = 2000  # random callers
TEACHERS = 40  # sets of labels turned by a coin, a model learned from each
VALIDATION_SESSIONS = 42  # the protocol's validation span
COLUMNS = {"accuracy %": 1, "95 %": 1, "MCC": 3, "MCC 95 %": 3, "from": 0}


@dataclass(frozen=True)
class Scored:
    """The samples that are forecast, and how forecasts of them did."""

    samples: list[Sample]
    seed: int

    @property
    def moves(self) -> FloatArray:
        return np.array([sample.move for sample in self.samples])

    @property
    def day(self) -> NDArray[np.intp]:
        """The place of each sample's session among the sessions, (M,)."""
        return np.unique([sample.session for sample in self.samples], return_inverse=True)[1]

    def row(self, prob_up: FloatArray) -> dict[str, Cell]:
        """Return accuracy and MCC, with intervals that keep the stocks of a session together."""
        if not np.isfinite(prob_up).all():
            raise ValueError("every sample needs a forecast")
        day = self.day
        counts = np.zeros((day.max() + 1, 4))
        np.add.at(counts, day, direction_counts(self.moves, prob_up))
        total = counts.sum(axis=0)
        return {
            "accuracy %": 100 * float(sign_hits(total)),
            "95 %": session_block_interval(
                counts, lambda sums: 100 * sign_hits(sums), block=1, resamples=RESAMPLES, seed=self.seed
            ),
            "MCC": float(matthews_correlation(total)),
            "MCC 95 %": session_block_interval(
                counts, matthews_correlation, block=1, resamples=RESAMPLES, seed=self.seed
            ),
        }

    def row_of_many(self, prob_up: FloatArray) -> dict[str, Cell]:
        """Return the mean of many callers (K, M), and the range that holds 95 % of them."""
        totals = np.array([direction_counts(self.moves, one).sum(axis=0) for one in prob_up])
        row: dict[str, Cell] = {}
        for name, band, values in (
            ("accuracy %", "95 %", 100 * sign_hits(totals)),
            ("MCC", "MCC 95 %", matthews_correlation(totals)),
        ):
            low, high = np.quantile(values, [0.025, 0.975])
            row[name], row[band] = float(values.mean()), (float(low), float(high))
        return row


@dataclass(frozen=True)
class Inputs:
    """The product's features of one panel, looked up for samples at the close before."""

    panel: Panel
    features: Features
    with_sentiment: bool

    def ready(self, samples: list[Sample]) -> list[Sample]:
        """Return the samples whose stock has features at the close before (66 sessions and a bar)."""
        known = np.isfinite(self.of(samples)).all(axis=1)
        return [samples[place] for place in np.flatnonzero(known)]

    def of(self, samples: list[Sample]) -> FloatArray:
        """Return what was known of each sample's stock at the close before, (M, F)."""
        column_of = {ticker: n for n, ticker in enumerate(self.panel.tickers)}
        t = np.array([self.panel.position(sample.session) - 1 for sample in samples])
        n = np.array([column_of[sample.ticker] for sample in samples])
        read = [self.features.price[t, n]]
        if self.with_sentiment:
            read.append(self.features.sentiment[t, n])
        return np.concatenate(read, axis=1).astype(float)

    def learn(self, found: Mapping[str, list[Sample]], turn: Mapping[str, float] | None = None) -> Logistic:
        """Learn directions from train and validation samples; ``turn`` is the sign that a day's are given."""
        parts = []
        for name in ("train", "validation"):
            samples = self.ready(found[name])
            sign = np.array([turn[sample.session] if turn else 1.0 for sample in samples])
            rose = np.array([sample.move for sample in samples]) * sign > 0
            parts.append((self.of(samples), rose.astype(float)))
        return fit_best_penalty(parts[0], parts[1])


def fusion_calls(panel: Panel, config: FusionConfig, samples: list[Sample]) -> FloatArray:
    """Return P(rise) of each sample, said at the close before by a model that learned before the test."""
    forecaster = FusionForecaster(config, progress=say)
    learned = [session for session in panel.sessions if session <= SPANS["validation"][1]]
    forecaster.fit(panel.until(learned[-1]), learned)
    said: dict[tuple[str, str], float] = {}
    for target in sorted({sample.session for sample in samples}):
        for forecast in forecaster.predict(panel, panel.sessions[panel.position(target) - 1]):
            if forecast.horizon == 1:
                said[forecast.ticker, target] = forecast.prob_up
    return np.array([said[sample.ticker, sample.session] for sample in samples])


def above_the_days_median(prob_up: FloatArray, day: NDArray[np.intp]) -> FloatArray:
    """Call a rise where a stock's chance is above the median of its day: a bet on stocks, not the market."""
    middle = np.array([np.median(prob_up[day == one]) for one in range(day.max() + 1)])
    return (prob_up > middle[day]).astype(float)


def moves_before(moves: Mapping[str, Mapping[str, float]], samples: list[Sample]) -> FloatArray:
    """Return each stock's move on its session before the sample's, (M,)."""
    before: dict[tuple[str, str], float] = {}
    for ticker, by_session in moves.items():
        sessions = sorted(by_session)
        before.update(((ticker, session), by_session[last]) for last, session in pairwise(sessions))
    return np.array([before[sample.ticker, sample.session] for sample in samples])


def coins(found: Mapping[str, list[Sample]], seed: int) -> list[dict[str, float]]:
    """Return TEACHERS times a sign for each day of train and validation, drawn by lot."""
    days = sorted({sample.session for name in ("train", "validation") for sample in found[name]})
    random = np.random.default_rng(seed)
    return [
        dict(zip(days, random.choice([-1.0, 1.0], len(days)).tolist(), strict=True)) for _ in range(TEACHERS)
    ]


def main() -> None:
    """Print the tables."""
    parser = data_argument(__doc__, "../shared/data", "folder with benchmarks/stocknet and posts")
    chosen = parser.parse_args()
    home = chosen.data / "benchmarks" / "stocknet"
    tweets = chosen.data / "posts" / "stocknet_tweets_2014_2015.jsonl.gz"
    require(home / "price_raw", home / "price_preprocessed", tweets)
    seed = chosen.seed

    moves = read_moves(home / "price_preprocessed")
    found = {name: samples_between(moves, *span) for name, span in SPANS.items()}
    counts = {name: len(samples) for name, samples in found.items()}
    if counts != SAMPLES:
        raise SystemExit(f"the samples differ from the protocol's: {counts}, published {SAMPLES}")
    test = Scored(found["test"], seed)
    M, days = len(test.samples), int(test.day.max()) + 1

    report = Report(f"StockNet (ACL 2018): {M:,} samples on {days} days, 2015-10-01 .. 2015-12-31", COLUMNS)
    for name, (accuracy, mcc) in PUBLISHED_FIGURES.items():
        report.add(name, {"accuracy %": accuracy, "MCC": mcc, "from": PUBLISHED})
    random = np.random.default_rng(seed)
    market_calls = random.random((DRAWS, days))[:, test.day]
    report.add("random, a call for each stock", test.row_of_many(random.random((DRAWS, M))))
    report.add("random, one call a day for all", test.row_of_many(market_calls))
    report.add("always up", test.row(np.ones(M)))
    yesterday = moves_before(moves, test.samples)
    report.add("yesterday's sign", test.row((yesterday > 0).astype(float)))
    report.add("yesterday's sign, reversed", test.row((yesterday < 0).astype(float)))

    panel = read_panel(home / "price_raw", LATER[1])
    informed = with_posts(panel, read_posts(tweets))
    for posts, known in (("no posts", panel), ("with posts", informed)):
        config = FusionConfig(
            seed=seed,
            use_sentiment=known is informed,
            use_macro=False,
            validation_sessions=VALIDATION_SESSIONS,
            held_out_sessions=0,
        )
        report.add(f"fusion, {posts}", test.row(fusion_calls(known, config, test.samples)))
        directed = fusion_calls(known, replace(config, forecast_mean=True), test.samples)
        report.add(f"fusion with a mean head, {posts}", test.row(directed))
        among = above_the_days_median(directed, test.day)
        report.add(f"  the same, against the day's median, {posts}", test.row(among))
        inputs = Inputs(known, build_features(known), known is informed)
        calls = inputs.learn(found).probability(inputs.of(test.samples))
        report.add(f"logistic regression on the features, {posts}", test.row(calls))

    inputs = Inputs(panel, build_features(panel), with_sentiment=False)
    taught = [inputs.learn(found, turn).probability(inputs.of(test.samples)) for turn in coins(found, seed)]
    report.add("  taught with days turned by a coin", test.row_of_many(np.array(taught)))
    report.notes = [
        f"Samples {counts['train']:,} / {counts['validation']:,} / {counts['test']:,}, as published.",
        f"95 %: of {DRAWS:,} random callers, and of {TEACHERS} models whose labels had a sign drawn for each",
        "day, the range that holds 95 % of them; elsewhere a bootstrap of whole days.",
    ]

    later = Scored(inputs.ready(samples_between(moves, *LATER)), seed)
    after = Report(
        f"The same files, {len(later.samples):,} samples on {later.day.max() + 1} days after, "
        f"{LATER[0]} .. {LATER[1]}",
        COLUMNS,
    )
    after.add("always up", later.row(np.ones(len(later.samples))))
    yesterday = moves_before(moves, later.samples)
    after.add("yesterday's sign", later.row((yesterday > 0).astype(float)))
    calls = inputs.learn(found).probability(inputs.of(later.samples))
    after.add("logistic regression on the features, no posts", later.row(calls))
    after.notes = ["The models above, not taught anew: what was won in 64 days does not last."]
    publish([report, after], chosen.json)


if __name__ == "__main__":
    main()
