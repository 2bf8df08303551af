"""Alarms that a forecaster sets off when it sees the future, invents skill, or only repeats yesterday.

Each alarm makes a fresh forecaster, lets it learn from every session before the scored ones, and asks it
on a panel that was altered so that the honest answer is known. None knows a forecaster by name.

Shapes: S scored sessions, N tickers, Q quantiles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np

from collectors.progress import Progress, silent
from fusion_model.dataset.panel import BoolArray, FloatArray, Panel
from fusion_model.distribution import NORMAL_SCORES, sample_quantiles
from fusion_model.errors import NotEnoughHistory
from fusion_model.evaluation.altered_panels import (
    WALK_VOLATILITY,
    echoing_walk,
    in_other_units,
    random_walk,
    swinging_walk,
    with_bars_shuffled,
    with_future_corrupted,
)
from fusion_model.evaluation.backtest import Forecaster
from fusion_model.evaluation.metrics import direction_counts, matthews_correlation, scored_pinball
from fusion_model.evaluation.significance import diebold_mariano, session_block_interval
from fusion_model.findings import HORIZONS, QUANTILE_LEVELS, Forecast

SCORED_SESSIONS = 250
MIN_SCORED_SESSIONS = 60
SCALED_TOLERANCE = 1e-3  # of a forecast's own volatility: float32 training carries dust, not levels
BEYOND_CHANCE_T = 4.0  # standard errors; an honest forecaster gets there about once in ten thousand alarms
FOUND_T = 3.0
ONE_ERROR = 0.6827  # share of a normal distribution within one standard error
RESAMPLES = 2000
LAGS = 5  # sessions back that a forecast may be a copy of
COPY = 0.5  # rank correlation with a return that is over, beyond which a centre counts as its copy
ECHO = 0.5  # of a return that comes again, where direction is planted

TRUNCATED, CORRUPTED, SCALED = "future truncated", "future corrupted", "prices scaled"
SHUFFLED, WALK, PLANTED, LAG = "labels shuffled", "random walk", "planted signal", "lag only"

Maker: TypeAlias = Callable[[], Forecaster]
Said: TypeAlias = dict[str, list[Forecast]]  # by session


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm on one forecaster: whether it fired, and why in a sentence with its figures.

    ``sounded`` is false where the forecaster could not be fitted on the altered panel: then nothing is known.
    """

    name: str
    fired: bool
    sentence: str
    sounded: bool = True


@dataclass(frozen=True)
class Subject:
    """A forecaster under test: what makes a fresh one, the panel, and how many last sessions are scored."""

    make: Maker
    panel: Panel
    scored: int = SCORED_SESSIONS
    seed: int = 0

    @property
    def stop(self) -> int:
        """Row after the last scored one: outcomes one session ahead lie inside the panel."""
        return len(self.panel.sessions) - 1

    @property
    def fit_sessions(self) -> tuple[str, ...]:
        """Every session before the first scored one."""
        return self.panel.sessions[: self.stop - self.scored]

    @property
    def scored_sessions(self) -> tuple[str, ...]:
        """The sessions that are forecast from."""
        return self.panel.sessions[self.stop - self.scored : self.stop]

    @property
    def watched_sessions(self) -> tuple[str, ...]:
        """The few sessions of which every byte is compared."""
        return (self.scored_sessions[0], self.scored_sessions[self.scored // 2], self.scored_sessions[-1])

    @cached_property
    def said(self) -> Said:
        """What it says on the panel as it is."""
        return self.walk(self.panel)

    def walk(self, panel: Panel) -> Said:
        """Fit a fresh forecaster on an altered panel, all of it within reach, and ask for every session."""
        forecaster = self.make()
        forecaster.fit(panel, self.fit_sessions)
        return {session: forecaster.predict(panel, session) for session in self.scored_sessions}


def sound_alarms(
    make: Maker,
    panel: Panel,
    *,
    scored: int = SCORED_SESSIONS,
    seed: int = 0,
    progress: Progress = silent,
    name: str = "",
) -> list[Alarm]:
    """Sound every alarm on one forecaster; an honest one sets off none.

    Parameters
    ----------
    make : callable
        Makes a fresh forecaster; it is fitted seven times.
    panel : Panel
        Real or simulated; its last ``scored`` sessions but one are forecast from, and what comes before
        them must be enough to fit on.
    name : str
        How to call the forecaster in ``progress``.

    Raises
    ------
    NotEnoughHistory
        Too few sessions to score, or too few to fit on.
    """
    if scored < MIN_SCORED_SESSIONS or len(panel.sessions) <= scored + 1:
        raise NotEnoughHistory(
            f"leak alarms score at least {MIN_SCORED_SESSIONS} sessions after a history to learn from; "
            f"asked were {scored} of {len(panel.sessions)}"
        )
    subject, stage = Subject(make, panel, scored, seed), f"alarms on {name or 'the forecaster'}"
    progress(stage, 0, len(ALARMS))
    if not all(subject.said[session] for session in subject.watched_sessions):
        raise NotEnoughHistory(
            f"{name or 'the forecaster'} forecasts nothing on the panel as it is: nothing can be told of it"
        )
    results = []
    for done, (title, alarm) in enumerate(ALARMS.items(), start=1):
        try:
            results.append(alarm(subject))
        except NotEnoughHistory as error:
            results.append(Alarm(title, False, f"It could not be sounded: {error}.", sounded=False))
        progress(stage, done, len(ALARMS), title)
    return results


# Time and units -----------------------------------------------------------------------------------


def future_truncated(subject: Subject) -> Alarm:
    """Fires where a forecast differs from the one made without the rows that came later."""
    panel = subject.panel
    try:
        forecaster = subject.make()
        forecaster.fit(panel.until(subject.fit_sessions[-1]), subject.fit_sessions)
        said = {
            session: forecaster.predict(panel.until(session), session) for session in subject.watched_sessions
        }
    except IndexError as error:
        return Alarm(
            TRUNCATED, True, f"It cannot do without the rows after the session it forecasts ({error})."
        )
    return _same_bytes(TRUNCATED, subject, said, "without the rows after it")


def future_corrupted(subject: Subject) -> Alarm:
    """Fires where a forecast differs from the one made with nonsense in the rows that came later."""
    forecaster = subject.make()
    spoilt = with_future_corrupted(subject.panel, subject.fit_sessions[-1], seed=subject.seed)
    forecaster.fit(spoilt, subject.fit_sessions)
    said = {
        session: forecaster.predict(with_future_corrupted(subject.panel, session, seed=subject.seed), session)
        for session in subject.watched_sessions
    }
    return _same_bytes(CORRUPTED, subject, said, "with nonsense in the rows after it")


def prices_scaled(subject: Subject) -> Alarm:
    """Fires where return forecasts depend on the unit of a ticker's prices."""
    panel = in_other_units(subject.panel)
    forecaster = subject.make()
    forecaster.fit(panel, subject.fit_sessions)
    before = [said for session in subject.watched_sessions for said in subject.said[session]]
    after = [said for session in subject.watched_sessions for said in forecaster.predict(panel, session)]
    if [_key(said) for said in before] != [_key(said) for said in after]:
        return Alarm(SCALED, True, "With other units of price it forecasts other tickers.")
    far = max((_distance(a, b) for a, b in zip(before, after, strict=True)), default=0.0)
    return Alarm(
        SCALED,
        far > SCALED_TOLERANCE,
        f"With each ticker's prices in another unit, {len(before)} return forecasts moved by at most "
        f"{far:.2g} of their volatility (tolerance {SCALED_TOLERANCE:g}).",
    )


def _same_bytes(name: str, subject: Subject, said: Said, how: str) -> Alarm:
    before = [_written(forecast) for session in said for forecast in subject.said[session]]
    after = [_written(forecast) for session in said for forecast in said[session]]
    changed = len(set(before) ^ set(after))
    return Alarm(
        name,
        before != after,
        f"Of {len(before)} forecasts of {len(said)} sessions, made again {how}, "
        + (f"{max(changed // 2, 1)} changed." if before != after else "no byte changed."),
    )


def _written(forecast: Forecast) -> bytes:
    return repr(forecast).encode()  # a float's repr is exact


def _key(forecast: Forecast) -> tuple[str, str, int]:
    return forecast.as_of_session, forecast.ticker, forecast.horizon


def _distance(one: Forecast, other: Forecast) -> float:
    """Return the largest difference of two return forecasts, in units of volatility or of probability."""
    returns = np.abs(
        np.array([*one.quantiles, one.mean, one.volatility])
        - np.array([*other.quantiles, other.mean, other.volatility])
    )
    return max(float(returns.max() / one.volatility), abs(one.prob_up - other.prob_up))


# Skill --------------------------------------------------------------------------------------------


def labels_shuffled(subject: Subject) -> Alarm:
    """Fires where a forecaster has skill although the days' bars came in an order drawn by lot.

    The rival knows how every ticker's returns were distributed over all days, later ones included, which
    is all that can be known; an honest forecaster cannot be ahead of it but by chance.
    """
    panel = with_bars_shuffled(subject.panel, seed=subject.seed)
    truth = sample_quantiles(panel.log_returns[1:])
    return _no_skill(SHUFFLED, subject, panel, truth, "With the order of days drawn by lot")


def walk_without_skill(subject: Subject) -> Alarm:
    """Fires where a forecaster has skill on random walks; the rival is the very distribution they have."""
    panel = random_walk(subject.panel, seed=subject.seed)
    truth = np.tile(WALK_VOLATILITY * NORMAL_SCORES, (len(panel.tickers), 1))
    return _no_skill(WALK, subject, panel, truth, "On random walks")


def planted_signal(subject: Subject) -> Alarm:
    """Fires where a forecaster does not see volatility swing, as plain as day; the rival never sees it."""
    panel = swinging_walk(subject.panel, seed=subject.seed)
    found = _skill(subject.walk(panel), panel, sample_quantiles(panel.log_returns[1:]))
    return Alarm(
        PLANTED,
        not (found.skill > 0 and found.t < -FOUND_T),
        f"Where volatility swings slowly, its pinball skill over a fixed distribution is "
        f"{found.skill:+.1%} (t {found.t:.1f}; found below -{FOUND_T:g}).",
    )


def planted_direction(subject: Subject) -> Alarm:
    """Fires where a forecaster does not see that half of each return comes again; for those that claim to.

    Not among ALARMS: a forecaster that says nothing about direction is honest.
    """
    panel = echoing_walk(subject.panel, echo=ECHO, seed=subject.seed)
    found = _skill(subject.walk(panel), panel, sample_quantiles(panel.log_returns[1:]))
    return Alarm(
        "planted direction",
        not found.mcc_low > 0,
        f"Where half of each return comes again the next day, its direction MCC is {found.mcc:+.3f} "
        f"({found.mcc_low:+.3f} to {found.mcc_high:+.3f}).",
    )


class Skill(NamedTuple):
    """One session ahead: pinball skill over a rival, its Diebold-Mariano t, and direction MCC.

    ``mcc_low`` and ``mcc_high`` lie BEYOND_CHANCE_T standard errors to either side.
    """

    skill: float
    t: float
    mcc: float
    mcc_low: float
    mcc_high: float


def _no_skill(name: str, subject: Subject, panel: Panel, truth: FloatArray, where: str) -> Alarm:
    found = _skill(subject.walk(panel), panel, truth, lags=0)
    ahead = found.skill > 0 and found.t < -BEYOND_CHANCE_T
    foresees = found.mcc_low > 0 or found.mcc_high < 0
    return Alarm(
        name,
        ahead or foresees,
        f"{where}, its pinball skill over the true distribution is {found.skill:+.2%} "
        f"(t {found.t:.1f}; a leak below -{BEYOND_CHANCE_T:g}) and its direction MCC {found.mcc:+.3f} "
        f"({found.mcc_low:+.3f} to {found.mcc_high:+.3f} at {BEYOND_CHANCE_T:g} errors; a leak without 0).",
    )


def _skill(said: Said, panel: Panel, rival: FloatArray, *, lags: int | None = None) -> Skill:
    """Measure forecasts one session ahead beside fixed quantiles (N, Q) of each ticker.

    ``lags`` are the sessions of dependence that t allows for: none where a panel's days are independent.
    """
    quantiles, _, prob_up = _arrays(said, panel)
    rows = [panel.position(session) for session in said]
    came = panel.forward_returns(1)[rows]  # (S, N)
    own, others = scored_pinball(came, quantiles), scored_pinball(came, rival)
    scored: BoolArray = np.isfinite(own) & np.isfinite(others)
    some = scored.any(axis=1)
    own, others = np.where(scored, own, 0.0)[some], np.where(scored, others, 0.0)[some]
    count = scored.sum(axis=1)[some]
    counts = direction_counts(np.where(scored, came, np.nan), prob_up).sum(axis=1)  # (S, 4)
    low, high = session_block_interval(
        counts, matthews_correlation, block=1, resamples=RESAMPLES, level=ONE_ERROR
    )
    mcc, reach = float(matthews_correlation(counts.sum(axis=0))), BEYOND_CHANCE_T * (high - low) / 2
    total = float(others.sum())
    return Skill(
        skill=1.0 - float(own.sum()) / total if total > 0 else float("nan"),
        t=diebold_mariano((own - others).sum(axis=1) / count, HORIZONS[0], lags),
        mcc=mcc,
        mcc_low=mcc - reach,
        mcc_high=mcc + reach,
    )


def _arrays(said: Said, panel: Panel) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return quantiles (S, N, Q), means and probabilities of a rise (S, N) one session ahead; NaN unsaid."""
    column = {ticker: n for n, ticker in enumerate(panel.tickers)}
    quantiles = np.full((len(said), len(column), len(QUANTILE_LEVELS)), np.nan)
    mean, prob_up = np.full((2, len(said), len(column)), np.nan)
    for s, forecasts in enumerate(said.values()):
        for forecast in forecasts:
            if forecast.horizon == HORIZONS[0]:
                n = column[forecast.ticker]
                quantiles[s, n], mean[s, n] = forecast.quantiles, forecast.mean
                prob_up[s, n] = forecast.prob_up
    return quantiles, mean, prob_up


# Lag ----------------------------------------------------------------------------------------------


def lag_only(subject: Subject) -> Alarm:
    """Fires where a mean or median is a copy of a return that is over, of either sign, and none the better.

    A copy that does foretell (where returns do echo) is a signal, and no lag.
    """
    panel = subject.panel
    quantiles, mean, _ = _arrays(subject.said, panel)
    first = panel.position(subject.scored_sessions[0])
    came = panel.forward_returns(1)[first : first + subject.scored]
    worst = _Copy(0.0, 0, "median", 0.0)
    for what, centre in (("median", quantiles[:, :, QUANTILE_LEVELS.index(0.5)]), ("mean", mean)):
        better = _gain_over_no_change(centre, came)
        for lag in range(LAGS):
            past = panel.log_returns[first - lag : first - lag + subject.scored]
            copy = _Copy(_rank_correlation(centre, past), lag, what, better)
            worst = max(worst, copy, key=lambda one: abs(one.correlation))
    return Alarm(
        LAG,
        abs(worst.correlation) > COPY and not worst.gain_t < -FOUND_T,
        f"Of the returns of the last {LAGS} sessions, its {worst.what} resembles most the one of "
        f"{worst.lag} sessions before: rank correlation {worst.correlation:+.2f} (a copy beyond {COPY:g}); "
        f"squared error against no change: t {worst.gain_t:.1f}.",
    )


class _Copy(NamedTuple):
    """How much a centre resembles a return that is over; ``gain_t`` is negative where it foretells."""

    correlation: float
    lag: int
    what: str
    gain_t: float


def _gain_over_no_change(centre: FloatArray, came: FloatArray) -> float:
    """Return the Diebold-Mariano t of squared error against a forecast of zero; 0 where it cannot be told."""
    difference = np.square(came - centre) - np.square(came)
    known = np.isfinite(difference)
    some = known.any(axis=1)
    t = diebold_mariano(
        np.where(known, difference, 0.0).sum(axis=1)[some] / known.sum(axis=1)[some], HORIZONS[0]
    )
    return t if np.isfinite(t) else 0.0


def _rank_correlation(one: FloatArray, other: FloatArray) -> float:
    """Return Spearman's correlation over all sessions and tickers; 0 where one of them never varies."""
    from scipy.stats import rankdata

    known = np.isfinite(one) & np.isfinite(other)
    if known.sum() < 2 or np.ptp(one[known]) == 0 or np.ptp(other[known]) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(one[known]), rankdata(other[known]))[0, 1])


ALARMS: Mapping[str, Callable[[Subject], Alarm]] = {
    TRUNCATED: future_truncated,
    CORRUPTED: future_corrupted,
    SCALED: prices_scaled,
    SHUFFLED: labels_shuffled,
    WALK: walk_without_skill,
    PLANTED: planted_signal,
    LAG: lag_only,
}
