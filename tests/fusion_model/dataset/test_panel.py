"""The one door from the record to a model: what was not known at a close stays outside."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

from collectors import store
from collectors.errors import BadInput
from collectors.market_calendar import vintage_available_at
from collectors.records import MacroObservation
from fusion_model.dataset.panel import CLOSE, Panel, load_panel
from fusion_model.errors import NotEnoughHistory
from tests.builders import SCORER, action, bars, panel_bytes, panel_of, save_post, with_bars_only_from

RECORDED = "2021-01-01T00:00:00Z"
NAN = float("nan")


def gdp(value: float, released_on: str, observed_on: str = "2019-10-01") -> MacroObservation:
    return MacroObservation("GDP", observed_on, value, released_on, vintage_available_at(released_on))


def returns_of(db: sqlite3.Connection, as_of: str) -> list[float]:
    return [float(value) for value in load_panel(db, as_of).log_returns[:, 0]]


# What was known when ------------------------------------------------------------------------------


def test_revised_gdp_is_invisible_before_its_release(db: sqlite3.Connection) -> None:
    store.save_price_bars(db, bars("KO", [50.0] * 60), RECORDED)
    store.save_macro(db, [gdp(100.0, "2020-01-30"), gdp(101.0, "2020-02-27")], RECORDED)
    assert load_panel(db, "2020-01-30").macro_series == ()
    assert load_panel(db, "2020-02-27").macro[-1, 0, 0] == 100.0
    later = load_panel(db, "2020-02-28")
    assert later.macro[-2:, 0, 0].tolist() == [100.0, 101.0]


def test_macro_holds_the_newest_observation_and_the_one_before_it(db: sqlite3.Connection) -> None:
    store.save_price_bars(db, bars("KO", [50.0] * 20), RECORDED)
    released = [gdp(100.0, "2020-01-03"), gdp(103.0, "2020-01-06", "2020-01-01"), gdp(99.0, "2020-01-08")]
    store.save_macro(db, released, RECORDED)
    macro = load_panel(db, "2020-01-09").macro[:, 0].tolist()
    np.testing.assert_equal(macro, [[NAN, NAN]] * 2 + [[100.0, NAN]] + [[103.0, 100.0]] * 2 + [[103.0, 99.0]])


def test_a_corrected_bar_is_invisible_before_the_correction_was_recorded(db: sqlite3.Connection) -> None:
    store.save_price_bars(db, bars("KO", [50.0, 51.0, 52.0]), RECORDED)
    store.save_price_bars(db, bars("KO", [50.0, 51.5]), "2020-01-03T22:00:00Z")
    assert load_panel(db, "2020-01-03").ohlcv[:, 0, CLOSE].tolist() == [50.0, 51.0]
    assert load_panel(db, "2020-01-06").ohlcv[:, 0, CLOSE].tolist() == [50.0, 51.5, 52.0]


def test_a_post_belongs_to_the_first_close_that_knew_it(db: sqlite3.Connection) -> None:
    store.save_price_bars(db, bars("KO", [50.0] * 4, first="2020-01-09"), RECORDED)
    save_post(db, "KO", "2020-01-08T21:00:00Z", 0.9)  # at the close before the panel: not in it
    save_post(db, "KO", "2020-01-08T21:00:01Z", 0.1)  # after it: Thursday's
    save_post(db, "KO", "2020-01-10T21:00:00Z", 0.5)  # at Friday's close: Friday's
    save_post(db, "KO", "2020-01-10T21:00:01Z", -0.2)  # after it: Monday's
    save_post(db, "KO", "2020-01-11T15:00:00Z", 0.4)  # on Saturday: Monday's
    sentiment = load_panel(db, "2020-01-14", scorer=SCORER).sentiment[:, 0]
    bulls = np.log(2)
    expected = [
        [0.1, 0.0, 1, 0.0, 1.0],
        [0.5, 0.0, 1, 0.0, 1.0],
        [0.1, 0.3, 2, 0.0, 1.0],
        [NAN, NAN, 0, 0.0, NAN],
    ]
    save_post(db, "KO", "2020-01-14T15:00:00Z", 0.8)
    assert load_panel(db, "2020-01-14", scorer=SCORER).sentiment[-1, 0, 3] == pytest.approx(bulls)
    np.testing.assert_allclose(sentiment, expected, atol=1e-9)


def test_posts_are_read_as_one_scorer_read_them(db: sqlite3.Connection) -> None:
    store.save_price_bars(db, bars("KO", [50.0] * 4), RECORDED)
    save_post(db, "KO", "2020-01-03T15:00:00Z", 0.9)
    counted = {
        who: load_panel(db, "2020-01-07", scorer=who).sentiment[:, 0, 2].sum() for who in (SCORER, "", "x")
    }
    assert counted == {SCORER: 1.0, "": 0.0, "x": 0.0}


def test_who_is_named_beside_whom_is_counted_at_the_first_close_that_knew_it(db: sqlite3.Connection) -> None:
    for ticker in ("KO", "PEP"):
        store.save_price_bars(db, bars(ticker, [50.0] * 4, first="2020-01-09"), RECORDED)
    save_post(db, "KO PEP", "2020-01-08T21:00:00Z")  # before the panel
    save_post(db, "PEP KO", "2020-01-10T21:00:00Z")  # at Friday's close
    save_post(db, "KO PEP XYZ", "2020-01-10T21:00:01Z")  # after it: Monday's, and nothing is stored of XYZ
    save_post(db, "KO", "2020-01-12T15:00:00Z")
    panel = load_panel(db, "2020-01-14")
    friday = [[1, 0, 0, 1], [1, 0, 1, 1], [1, 1, 1, 1]]
    assert panel.co_mentions.tolist() == [*friday, [2, 0, 0, 2], [2, 0, 1, 1], [2, 1, 1, 1]]
    assert panel.until("2020-01-10").co_mentions.tolist() == friday
    assert load_panel(db, "2020-01-10").co_mentions.tolist() == friday


def test_sectors_are_those_of_the_universe(db: sqlite3.Connection) -> None:
    for ticker in ("AAPL", "KO", "NOBODY"):
        store.save_price_bars(db, bars(ticker, [50.0] * 4), RECORDED)
    panel = load_panel(db, "2020-01-07")
    assert panel.sectors == ("Information Technology", "Consumer Staples", "")


def test_a_panel_cut_short_equals_the_panel_that_would_have_been_loaded_then(db: sqlite3.Connection) -> None:
    fill_a_lively_record(db)
    later = load_panel(db, "2020-03-31", scorer=SCORER)
    for session in ("2020-01-02", "2020-01-31", "2020-02-24", "2020-03-31"):
        assert panel_bytes(later.until(session)) == panel_bytes(load_panel(db, session, scorer=SCORER))


def test_a_panel_cut_short_does_not_name_what_came_later(db: sqlite3.Connection) -> None:
    """Once, a ticker listed later stood in the earlier panel as an empty column."""
    fill_a_lively_record(db)
    cut = load_panel(db, "2020-03-31", scorer=SCORER).until("2020-01-31")
    assert (cut.tickers, cut.macro_series) == (("KO", "PEP"), ("GDP",))


def fill_a_lively_record(db: sqlite3.Connection) -> None:
    random = np.random.default_rng(0)
    walk = 50.0 * np.exp(np.cumsum(random.normal(0.0, 0.02, (62, 3)), axis=0))
    store.save_price_bars(db, bars("KO", walk[:, 0].tolist()), RECORDED)
    store.save_price_bars(db, bars("PEP", walk[:, 1].tolist()), RECORDED)
    store.save_price_bars(db, bars("NEW", walk[:20, 2].tolist(), first="2020-03-04"), RECORDED)
    actions = [action("KO", "2020-02-24", "split", 2.0), action("PEP", "2020-02-03", "dividend", 0.4)]
    store.save_corporate_actions(db, actions, RECORDED)
    store.save_macro(db, [gdp(100.0, "2020-01-30"), gdp(101.0, "2020-02-27")], RECORDED)
    vix = MacroObservation("VIXCLS", "2020-03-02", 33.4, "2020-03-03", vintage_available_at("2020-03-03"))
    store.save_macro(db, [vix], RECORDED)
    for day in range(10, 29):
        save_post(db, "KO", f"2020-02-{day}T20:30:00Z", float(random.uniform(-1, 1)))
        save_post(db, "PEP", f"2020-02-{day}T21:30:00Z", float(random.uniform(-1, 1)))
        save_post(db, "KO NEW PEP", f"2020-02-{day}T22:30:00Z")


# Total returns ------------------------------------------------------------------------------------


def test_a_split_makes_no_jump(db: sqlite3.Connection) -> None:
    """Apple's split of 9 June 2014, with the ratio of the vendor."""
    store.save_price_bars(db, bars("AAPL", [645.57, 93.70], first="2014-06-06"), RECORDED)
    store.save_corporate_actions(db, [action("AAPL", "2014-06-09", "split", 7.000007)], RECORDED)
    np.testing.assert_allclose(returns_of(db, "2014-06-09"), [NAN, np.log(93.70 * 7.000007 / 645.57)])


def test_a_dividend_is_part_of_the_return_of_its_day(db: sqlite3.Connection) -> None:
    store.save_price_bars(db, bars("KO", [50.0, 49.6, 49.6]), RECORDED)
    store.save_corporate_actions(db, [action("KO", "2020-01-03", "dividend", 0.4)], RECORDED)
    np.testing.assert_allclose(returns_of(db, "2020-01-06"), [NAN, 0.0, 0.0], atol=1e-12)


def test_a_dividend_on_the_day_of_a_split_is_per_new_share(db: sqlite3.Connection) -> None:
    store.save_price_bars(db, bars("KO", [100.0, 49.0]), RECORDED)
    both = [action("KO", "2020-01-03", "split", 2.0), action("KO", "2020-01-03", "dividend", 1.0)]
    store.save_corporate_actions(db, both, RECORDED)
    np.testing.assert_allclose(returns_of(db, "2020-01-03"), [NAN, 0.0], atol=1e-12)


def test_the_return_after_a_hole_spans_it(db: sqlite3.Connection) -> None:
    store.save_price_bars(db, bars("KO", [50.0, None, None, 55.0, 55.0]), RECORDED)
    np.testing.assert_allclose(returns_of(db, "2020-01-08"), [NAN, NAN, NAN, np.log(1.1), 0.0])


def test_what_a_ticker_split_and_paid_while_it_did_not_trade_counts(db: sqlite3.Connection) -> None:
    """Once, a dividend of a session without a bar was lost."""
    store.save_price_bars(db, bars("KO", [50.0, None, None, 24.0, 24.0]), RECORDED)
    missed = [action("KO", "2020-01-03", "split", 2.0), action("KO", "2020-01-06", "dividend", 1.0)]
    store.save_corporate_actions(db, missed, RECORDED)
    np.testing.assert_allclose(returns_of(db, "2020-01-08"), [NAN, NAN, NAN, 0.0, 0.0], atol=1e-12)


def test_forward_returns_are_unknown_without_a_bar_at_either_end_and_in_the_future() -> None:
    panel = panel_of(np.log([[1.0], [1.1], [1.2], [1.3], [1.4]]))
    ohlcv = panel.ohlcv.copy()
    ohlcv[2] = NAN
    holed = Panel(**{**vars(panel), "ohlcv": ohlcv})
    np.testing.assert_allclose(
        panel.forward_returns(2)[:, 0], [np.log(1.32), np.log(1.56), np.log(1.82), NAN, NAN]
    )
    np.testing.assert_allclose(holed.forward_returns(2)[:, 0], [NAN, np.log(1.56), NAN, NAN, NAN])
    assert np.isnan(panel.forward_returns(20)).all()


def test_a_ticker_without_a_return_yet_has_no_forward_return_either() -> None:
    panel = with_bars_only_from(panel_of(np.full((6, 2), 0.01)), column=1, row=5)
    assert np.isnan(panel.forward_returns(1)[:, 1]).all()


# Nothing to load ----------------------------------------------------------------------------------


def test_an_empty_record_is_not_enough_history(db: sqlite3.Connection) -> None:
    with pytest.raises(
        NotEnoughHistory, match="no prices are stored that were known at the close of 2020-01-03"
    ):
        load_panel(db, "2020-01-03")


def test_a_session_outside_the_panel_is_named_with_what_is_there(db: sqlite3.Connection) -> None:
    store.save_price_bars(db, bars("KO", [50.0, 51.0]), RECORDED)
    with pytest.raises(NotEnoughHistory, match=r"for 2020-01-06; .* from 2020-01-02 to 2020-01-03"):
        load_panel(db, "2020-01-03").until("2020-01-06")


def test_a_holiday_is_no_session(db: sqlite3.Connection) -> None:
    with pytest.raises(
        BadInput, match="2020-07-04 is not a trading session of XNYS; the one before it is 2020-07-02"
    ):
        load_panel(db, "2020-07-04")
