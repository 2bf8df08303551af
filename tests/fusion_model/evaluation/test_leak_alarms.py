"""Every leak alarm fires on a forecaster that leaks on purpose, and stays silent on honest ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from fusion_model.dataset.panel import CLOSE, FloatArray, Panel
from fusion_model.distribution import NORMAL_SCORES, as_forecasts, probability_of_rise
from fusion_model.errors import NotEnoughHistory
from fusion_model.evaluation import altered_panels
from fusion_model.evaluation.leak_alarms import (
    ALARMS,
    CORRUPTED,
    LAG,
    PLANTED,
    SCALED,
    SHUFFLED,
    TRUNCATED,
    WALK,
    Alarm,
    Subject,
    planted_direction,
    sound_alarms,
)
from fusion_model.findings import HORIZONS, Forecast
from fusion_model.forecasting.baselines import EwmaFhs, HistoricalSimulation, PersistenceEwma
from fusion_model.forecasting.fusion_forecaster import FusionForecaster
from fusion_model.forecasting.return_history import ReturnHistory
from tests.builders import SMALL, lively_panel

SCORED = 100


@pytest.fixture(scope="module")
def panel() -> Panel:
    random = np.random.default_rng(5)
    calendar = np.zeros((700, 6, 4))
    calendar[::63, :, 0] = 1.0
    for horizon in (1, 2, 3):  # 1, 5, 20 sessions ahead: nonsense that no forecaster here may miss
        calendar[:, :, horizon] = random.integers(0, 2, (700, 6))
    return replace(lively_panel(700, 6), earnings=calendar)


class Honest:
    """EWMA volatility around no change: what every leak below is built into."""

    model, model_version = "honest", "1"

    def fit(self, panel: Panel, sessions: Sequence[str]) -> None:
        self.last = panel.position(sessions[-1])

    def predict(self, panel: Panel, session: str) -> list[Forecast]:
        row = panel.position(session)
        spread, centre = self.spread(panel, row), self.centre(panel, row)
        forecasts: list[Forecast] = []
        for horizon in HORIZONS:
            quantiles = centre[:, None] + spread[:, None] * np.sqrt(horizon) * NORMAL_SCORES
            forecasts += as_forecasts(
                panel, session, range(len(panel.tickers)), horizon, quantiles, mean=centre,
                prob_up=self.prob_up(panel, row, quantiles), volatility=spread * np.sqrt(horizon),
                model=self.model, model_version=self.model_version,
            )  # fmt: skip
        return sorted(forecasts, key=lambda forecast: (forecast.ticker, forecast.horizon))

    def spread(self, panel: Panel, row: int) -> FloatArray:
        history = ReturnHistory(panel)
        return history.latest(history.ewma_volatility, row, np.arange(len(panel.tickers)))

    def centre(self, panel: Panel, row: int) -> FloatArray:
        return np.zeros(len(panel.tickers))

    def prob_up(self, panel: Panel, row: int, quantiles: FloatArray) -> FloatArray:
        return probability_of_rise(quantiles)


class PeeksAtTheNextRow(Honest):
    """Tilts its median by a tenth of the return that comes, where the panel holds it."""

    def centre(self, panel: Panel, row: int) -> FloatArray:
        return 0.1 * np.nan_to_num(panel.forward_returns(1)[row])


class NeedsTheNextRow(Honest):
    """Reads the next row without asking whether it is there."""

    def centre(self, panel: Panel, row: int) -> FloatArray:
        return 0.0 * panel.ohlcv[row + 1, :, CLOSE]


class PeeksAtTheSignAlone(Honest):
    """Gives honest ranges, and a chance of a rise that knows some of the signs to come."""

    def prob_up(self, panel: Panel, row: int, quantiles: FloatArray) -> FloatArray:
        came = np.nan_to_num(panel.forward_returns(1)[row])
        known = np.random.default_rng(row).random(len(came)) < 0.3
        return np.where(known, 0.5 + 0.1 * np.sign(came), 0.5 + 0.01 * (row % 2))


class ScalesOnTheWholePanel(Honest):
    """Measures its volatility over all rows that it can reach in fit."""

    def fit(self, panel: Panel, sessions: Sequence[str]) -> None:
        self.whole = np.nanstd(panel.log_returns, axis=0)

    def spread(self, panel: Panel, row: int) -> FloatArray:
        return 0.9 * super().spread(panel, row) + 0.1 * self.whole


class LearnsOutcomesByHeart(Honest):
    """Keeps in fit how volatile the sessions after it will be; predict reads no later row."""

    def fit(self, panel: Panel, sessions: Sequence[str]) -> None:
        self.size = np.abs(np.nan_to_num(panel.forward_returns(1)))

    def spread(self, panel: Panel, row: int) -> FloatArray:
        return np.asarray(0.3 * super().spread(panel, row) + 0.7 * self.size[row])


class ReadsTomorrowsPosts(Honest):
    def centre(self, panel: Panel, row: int) -> FloatArray:
        return 1e-4 * np.asarray(panel.sentiment[min(row + 1, len(panel.sessions) - 1), :, 2])


class ReadsTomorrowsMacro(Honest):
    def centre(self, panel: Panel, row: int) -> FloatArray:
        return np.full(len(panel.tickers), 1e-5 * panel.macro[min(row + 1, len(panel.macro) - 1), 0, 0])


class ReadsTomorrowsReports(Honest):
    def centre(self, panel: Panel, row: int) -> FloatArray:
        assert panel.earnings is not None
        return 1e-4 * np.asarray(panel.earnings[min(row + 1, len(panel.sessions) - 1), :, 2])


class UsesPriceLevels(Honest):
    """Believes that dear stocks move a little less."""

    def spread(self, panel: Panel, row: int) -> FloatArray:
        return np.asarray(super().spread(panel, row) * (1.0 - 0.01 * np.log(panel.ohlcv[row, :, CLOSE])))


class RepeatsYesterday(Honest):
    def centre(self, panel: Panel, row: int) -> FloatArray:
        return np.asarray(panel.log_returns[row])


class SaysThePriceOfYesterday(Honest):
    """Forecasts the close before the last one, as a fit of price levels does."""

    def centre(self, panel: Panel, row: int) -> FloatArray:
        return -panel.log_returns[row]


class NeverLooks(Honest):
    """Says the same of every ticker on every day."""

    def spread(self, panel: Panel, row: int) -> FloatArray:
        return np.full(len(panel.tickers), 0.015)


class FollowsEchoes(Honest):
    """Foretells half of the last return: right where returns echo, a copy elsewhere."""

    def centre(self, panel: Panel, row: int) -> FloatArray:
        return 0.5 * np.asarray(panel.log_returns[row])


def alarm(name: str, make: Callable[[], Honest], panel: Panel) -> Alarm:
    return ALARMS[name](Subject(make, panel, SCORED))


# Leaks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "leak"),
    [
        (TRUNCATED, PeeksAtTheNextRow),
        (TRUNCATED, NeedsTheNextRow),
        (TRUNCATED, ScalesOnTheWholePanel),
        (TRUNCATED, ReadsTomorrowsPosts),
        (CORRUPTED, PeeksAtTheNextRow),
        (CORRUPTED, ScalesOnTheWholePanel),
        (CORRUPTED, ReadsTomorrowsPosts),
        (CORRUPTED, ReadsTomorrowsMacro),
        (CORRUPTED, ReadsTomorrowsReports),
        (SCALED, UsesPriceLevels),
        (SHUFFLED, PeeksAtTheNextRow),
        (SHUFFLED, LearnsOutcomesByHeart),
        (SHUFFLED, PeeksAtTheSignAlone),
        (WALK, PeeksAtTheNextRow),
        (WALK, LearnsOutcomesByHeart),
        (WALK, PeeksAtTheSignAlone),
        (PLANTED, NeverLooks),
        (LAG, RepeatsYesterday),
        (LAG, SaysThePriceOfYesterday),
    ],
)
def test_an_alarm_fires_on_the_leak_planted_for_it(name: str, leak: type[Honest], panel: Panel) -> None:
    found = alarm(name, leak, panel)
    assert (found.name, found.fired, found.sounded) == (name, True, True), found.sentence


def test_every_alarm_has_its_name(panel: Panel) -> None:
    assert [found.name for found in sound_alarms(Honest, panel, scored=SCORED)] == list(ALARMS)


# Honest forecasters -------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [Honest, PersistenceEwma, HistoricalSimulation, EwmaFhs])
def test_no_alarm_fires_on_an_honest_forecaster(make: Callable[[], EwmaFhs], panel: Panel) -> None:
    alarms = sound_alarms(make, panel, scored=SCORED)
    assert [found for found in alarms if found.fired or not found.sounded] == []


def test_no_alarm_fires_on_the_fusion_model(panel: Panel) -> None:
    config = replace(SMALL, encoder_hidden=4, lookback=16, epochs=1, calibration_sessions=150)
    config = replace(config, held_out_sessions=40, validation_sessions=40, adaptation_sessions=50)
    config = replace(config, use_graph=True, graph_neighbours=3)
    alarms = sound_alarms(lambda: FusionForecaster(config), panel, scored=SCORED)
    assert [found for found in alarms if found.fired or not found.sounded] == []


@pytest.mark.parametrize("seed", range(8))
def test_chance_alone_fires_no_alarm(seed: int, panel: Panel) -> None:
    """Once, GJR-GARCH foresaw the direction of random walks: an interval of 99.9 % was too narrow."""
    subject = Subject(HistoricalSimulation, panel, SCORED, seed)
    found = [ALARMS[name](subject) for name in (SHUFFLED, WALK)]
    assert [one.sentence for one in found if one.fired] == []


def test_planted_direction_is_found_by_what_looks_for_it_alone(panel: Panel) -> None:
    assert not planted_direction(Subject(FollowsEchoes, panel, SCORED)).fired
    assert planted_direction(Subject(Honest, panel, SCORED)).fired


def test_a_copy_that_foretells_is_no_lag(panel: Panel) -> None:
    echoing = altered_panels.echoing_walk(panel, echo=0.5, seed=0)
    assert not alarm(LAG, FollowsEchoes, echoing).fired
    assert alarm(LAG, FollowsEchoes, altered_panels.random_walk(panel, seed=0)).fired


# What is said, and what is refused ----------------------------------------------------------------


def test_an_alarm_says_its_figures(panel: Panel) -> None:
    assert alarm(TRUNCATED, PersistenceEwma, panel) == Alarm(
        TRUNCATED,
        False,
        "Of 54 forecasts of 3 sessions, made again without the rows after it, no byte changed.",
    )
    assert "rows after the session it forecasts" in alarm(TRUNCATED, NeedsTheNextRow, panel).sentence


def test_what_cannot_be_fitted_on_an_altered_panel_is_told_and_not_passed(panel: Panel) -> None:
    class WantsDividends(Honest):
        def fit(self, panel: Panel, sessions: Sequence[str]) -> None:
            if not panel.dividend.any():
                raise NotEnoughHistory("no dividends are stored")

    paid = replace(panel, dividend=np.full_like(panel.dividend, 0.001))
    found = {one.name: one for one in sound_alarms(WantsDividends, paid, scored=SCORED)}
    assert [name for name, one in found.items() if not one.sounded] == [SHUFFLED, WALK, PLANTED]
    assert found[WALK].sentence == "It could not be sounded: no dividends are stored."


def test_too_little_history_is_refused(panel: Panel) -> None:
    with pytest.raises(NotEnoughHistory, match="asked were 59 of 700"):
        sound_alarms(Honest, panel, scored=59)
    with pytest.raises(NotEnoughHistory, match="asked were 60 of 61"):
        sound_alarms(Honest, panel.until(panel.sessions[60]), scored=60)


def test_a_forecaster_that_says_nothing_does_not_pass(panel: Panel) -> None:
    class SaysNothing(Honest):
        def predict(self, panel: Panel, session: str) -> list[Forecast]:
            return []

    with pytest.raises(NotEnoughHistory, match="forecasts nothing"):
        sound_alarms(SaysNothing, panel, scored=SCORED)


# Altered panels -----------------------------------------------------------------------------------


def test_shuffled_bars_keep_their_returns_and_the_days_that_tickers_share(panel: Panel) -> None:
    before, after = panel.log_returns[1:], altered_panels.with_bars_shuffled(panel, seed=0).log_returns[1:]
    order = np.argsort(before[:, 0])
    assert np.allclose(after[np.argsort(after[:, 0])], before[order], atol=1e-12)
    assert not np.allclose(after, before)


def test_shuffled_bars_keep_what_a_ticker_paid_and_split_in_its_returns(panel: Panel) -> None:
    split = panel.split_ratio.copy()
    split[300, 2] = 2.0
    ohlcv = panel.ohlcv.copy()
    ohlcv[300:, 2, :4] /= 2.0
    shuffled = altered_panels.with_bars_shuffled(replace(panel, ohlcv=ohlcv, split_ratio=split), seed=0)
    assert np.abs(shuffled.log_returns[1:, 2]).max() == pytest.approx(np.abs(panel.log_returns[1:, 2]).max())


def test_a_corrupted_future_leaves_the_past_as_it_was(panel: Panel) -> None:
    session = panel.sessions[400]
    spoilt = altered_panels.with_future_corrupted(panel, session, seed=0)
    for name in ("ohlcv", "split_ratio", "dividend", "sentiment", "macro", "earnings"):
        was, is_now = getattr(panel, name), getattr(spoilt, name)
        assert was[:401].tobytes() == is_now[:401].tobytes(), name
        assert (was[401:] != is_now[401:]).mean() > 0.5, name
