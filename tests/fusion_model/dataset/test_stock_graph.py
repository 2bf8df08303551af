"""The graph: who is related to whom, by what, and as known at a close."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fusion_model.dataset.features import build_features
from fusion_model.dataset.panel import Panel
from fusion_model.dataset.stock_graph import EDGE_FEATURES, StockGraph
from fusion_model.evaluation.altered_panels import with_future_corrupted
from tests.builders import (
    lively_panel,
    panel_of,
    with_bars_only_from,
    with_prices_scaled,
    with_tickers,
)

SECTORS = ("Energy", "Energy", "Utilities", "")


def graph_of(panel: Panel, most: int = 3) -> StockGraph:
    return StockGraph(panel, build_features(panel).scale, most)


def pairs(T: int = 420) -> Panel:
    """T00 moves with T02, T01 with T03; T00 and T01 are of one sector."""
    random = np.random.default_rng(4)
    own, shared = random.normal(0.0, 0.004, (T, 4)), random.normal(0.0, 0.02, (T, 2))
    return replace(panel_of(own + shared[:, [0, 1, 0, 1]]), sectors=SECTORS)


def strangers() -> Panel:
    return panel_of(np.random.default_rng(0).normal(0.0, 0.01, (420, 9)))


@pytest.fixture(scope="module")
def panel() -> Panel:
    return lively_panel(500, 6)


def drawn(graph: StockGraph, row: int) -> tuple[bytes, bytes]:
    neighbours, edges = graph.at(row)
    return neighbours.tobytes(), edges.tobytes()


def test_a_neighbour_moves_alike_or_is_of_the_same_sector() -> None:
    neighbours, edges = graph_of(pairs()).at(419)
    assert neighbours[:, 0].tolist() == [2, 3, 0, 1]
    np.testing.assert_allclose(edges[:, 0, EDGE_FEATURES.index("correlation")], 0.92, atol=0.04)
    assert not edges[:, 0, EDGE_FEATURES.index("same_sector")].any()
    still = replace(panel_of(np.zeros((420, 5))), sectors=("Energy", "Utilities", "", "Energy", "Utilities"))
    found, joined = graph_of(still).at(419)
    assert found[:, 0].tolist() == [3, 4, -1, 0, 1]
    assert joined[0].tolist() == [[0.0, 1.0, 0.0], [0.0] * 3, [0.0] * 3]


def test_the_share_of_posts_that_name_both_is_of_the_last_60_sessions() -> None:
    first_of_month = int(graph_of(strangers()).drawn_at[419])
    rows = [first_of_month - 60, first_of_month - 59, first_of_month, first_of_month + 1]
    posts = [(t, *names, count) for t in rows for *names, count in ((0, 0, 8), (0, 1, 6), (1, 1, 12))]
    neighbours, edges = graph_of(replace(strangers(), co_mentions=np.array(posts))).at(419)
    assert neighbours[:2, 0].tolist() == [1, 0]
    share = 12 / (16 + 24 - 12 + 10)
    assert edges[:2, 0, EDGE_FEATURES.index("co_mention")].tolist() == pytest.approx([share, share])


def test_of_equal_relations_the_first_by_name_counts() -> None:
    """Nothing moves, and all are of one sector."""
    flat = replace(panel_of(np.zeros((420, 5))), sectors=("Energy",) * 5)
    assert graph_of(flat).at(419)[0][:2].tolist() == [[1, 2, 3], [0, 2, 3]]
    renamed = replace(flat, tickers=("E", "D", "C", "B", "A"))
    assert graph_of(renamed).at(419)[0][:2].tolist() == [[4, 3, 2], [4, 3, 2]]


def test_who_has_too_few_sessions_has_no_neighbour_and_is_nobodys() -> None:
    young = with_bars_only_from(pairs(), column=2, row=250)
    neighbours, edges = graph_of(young).at(419)
    assert neighbours[2].tolist() == [-1, -1, -1]
    assert not edges[2].any()
    assert 2 not in neighbours
    assert 2 in graph_of(with_bars_only_from(pairs(), column=2, row=150)).at(419)[0]


def test_a_graph_is_drawn_at_the_first_session_of_a_month_and_held(panel: Panel) -> None:
    graph = graph_of(panel)
    first = panel.position("2013-10-01")
    assert panel.sessions[first - 1] == "2013-09-30"
    assert graph.drawn_at[first - 1 : first + 24].tolist() == [panel.position("2013-09-03")] + [
        first
    ] * 23 + [first + 23]
    assert graph.at(first) is graph.at(first + 22)


@pytest.mark.parametrize("row", [260, 300, 499])
def test_what_comes_after_a_session_changes_no_byte_of_its_graph(panel: Panel, row: int) -> None:
    session = panel.sessions[row]
    expected = drawn(graph_of(panel), row)
    assert drawn(graph_of(panel.until(session)), row) == expected
    assert drawn(graph_of(with_future_corrupted(panel, session, seed=1)), row) == expected


def test_the_past_does_matter(panel: Panel) -> None:
    before = panel.sessions[280]
    assert drawn(graph_of(with_future_corrupted(panel, before, seed=1)), 320) != drawn(graph_of(panel), 320)
    no_posts = replace(panel, co_mentions=panel.co_mentions[:0])
    assert drawn(graph_of(no_posts), 320) != drawn(graph_of(panel), 320)


def test_a_ticker_listed_later_changes_no_byte(panel: Panel) -> None:
    kept = [0, 1, 3, 4, 5]
    without = graph_of(with_tickers(panel, kept)).related(
        range(300, 301), np.arange(5), np.ones((5, 500), bool)
    )
    listed = graph_of(with_bars_only_from(panel, column=2, row=400))
    beside = listed.related(range(300, 301), kept, np.ones((6, 500), bool))
    assert [values.tobytes() for values in beside] == [values.tobytes() for values in without]


def test_the_order_of_tickers_and_the_unit_of_prices_change_no_relation(panel: Panel) -> None:
    order = np.array([4, 2, 0, 5, 1, 3])
    neighbours, edges = graph_of(panel).at(400)
    turned, joined = graph_of(with_tickers(panel, order.tolist())).at(400)
    place = np.append(np.argsort(order), -1)
    assert turned.tolist() == place[neighbours[order]].tolist()
    np.testing.assert_allclose(joined, edges[order], atol=2e-3)
    scaled = graph_of(with_prices_scaled(panel, [1.0, 2.0, 0.5, 8.0, 4.0, 16.0]))
    assert drawn(scaled, 400) == drawn(graph_of(panel), 400)


def test_a_neighbour_without_features_that_day_is_left_out(panel: Panel) -> None:
    graph, ready = graph_of(panel), np.ones((6, 500), dtype=bool)
    whole = graph.related(range(400, 403), np.arange(6), ready)
    ready[1, 401] = False
    gone = graph.related(range(400, 403), np.arange(6), ready)
    assert (whole.neighbours == 1).any(axis=(1, 2)).tolist() == [True] * 3
    assert (gone.neighbours == 1).any(axis=(1, 2)).tolist() == [True, False, True]
    assert not gone.edges[gone.neighbours < 0].any()
