"""Claims about the past replayed on today's holdings."""

from __future__ import annotations

import numpy as np
import pytest

from collectors.market_calendar import is_session
from fusion_model.advice.episodes import (
    Episode,
    constant_mix,
    deepest_drawdown,
    load_episodes,
    replay,
    worst_weeks,
)
from fusion_model.dataset.panel import Panel
from tests.builders import panel_of, with_bars_only_from


def falling() -> Panel:
    """Two stocks of sixty sessions from 2012-01-03; from row 20 to 30 one halves and one gains a tenth."""
    returns = np.zeros((60, 2))
    returns[21:31] = np.log([0.5, 1.1]) / 10
    return panel_of(returns)


def crash(panel: Panel) -> list[Episode]:
    return [Episode("crash", panel.sessions[20], panel.sessions[30], "this test")]


def test_episodes_are_spans_between_sessions_with_a_source() -> None:
    episodes = load_episodes()
    assert len(episodes) == 8
    for one in episodes:
        assert is_session(one.first_session)
        assert is_session(one.last_session)
        assert one.first_session < one.last_session
        assert one.source


def test_holdings_bought_before_a_crash_lose_what_their_weights_say() -> None:
    panel = falling()
    (found,) = replay(panel, "mine", panel.tickers, [0.6, 0.2], crash(panel))
    assert (found.kind, found.name, found.covered) == ("episode", "crash", 1.0)
    assert found.change == pytest.approx(0.6 * -0.5 + 0.2 * 0.1)  # the rest is cash
    assert found.drawdown == pytest.approx(-found.change)


def test_a_holding_that_was_not_listed_is_left_out_and_told() -> None:
    panel = with_bars_only_from(falling(), 0, 25)
    (found,) = replay(panel, "mine", panel.tickers, [0.75, 0.25], crash(panel))
    assert found.covered == 0.25
    assert found.change == pytest.approx(0.1)
    assert replay(panel, "T00", ["T00"], [1.0], crash(panel)) == []


def test_an_episode_that_the_record_does_not_hold_whole_is_left_out() -> None:
    panel = falling()
    early = Episode("early", "2011-12-01", panel.sessions[5], "this test")
    assert replay(panel, "mine", ["T00"], [1.0], [early]) == []


def test_the_worst_weeks_come_with_the_closes_between_which_they_fell() -> None:
    """Rows 21 to 30 are 2012-02-02 (a Thursday) to 2012-02-15; each day loses 6.7 %, five days 29.3 %."""
    panel = falling()
    first, *others = worst_weeks(panel, "T00")
    assert (first.name, first.first_session, first.last_session) == ("1", "2012-02-03", "2012-02-10")
    assert first.change == pytest.approx(0.5**0.5 - 1)
    assert [other.last_session for other in others] == ["2012-02-17", "2012-02-03"]
    assert worst_weeks(panel, "T01") == []


def test_the_deepest_drawdown_goes_from_peak_to_trough() -> None:
    panel = falling()
    (found,) = deepest_drawdown(panel, "T00", panel.log_returns[:, 0])
    assert (found.first_session, found.last_session) == (panel.sessions[0], panel.sessions[30])
    assert found.drawdown == pytest.approx(0.5)
    assert deepest_drawdown(panel, "T01", panel.log_returns[:, 1]) == []


def test_a_constant_mix_is_known_where_every_holding_is() -> None:
    panel = with_bars_only_from(falling(), 0, 25)
    mixed = constant_mix(panel, panel.tickers, [0.5, 0.5])
    assert np.isfinite(mixed).sum() == 60 - 26
    assert mixed[30] == pytest.approx(np.log(0.5 * (0.5**0.1 + 1.1**0.1)))
