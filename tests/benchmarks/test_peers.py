"""Peers side by side: what they are given, what is read of their answers, and what the table says of them.

None of their packages is needed here but by the last test, which is skipped without their environment.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import peers
from benchmarks.peers import (
    TAKEN,
    Answered,
    asked,
    behind,
    kept_answer,
    old_enough,
    tables,
    task_of,
    write_rows,
)
from benchmarks.peers_nixtla import (
    CENTRAL,
    Answer,
    Series,
    Task,
    central_quantiles,
    garch_paths,
    long_frame,
    read_network,
    save_answer,
    series_of,
)
from benchmarks.peers_ours import answer
from fusion_model.dataset.panel import Panel
from fusion_model.evaluation.scorecard import read_backtest, score
from fusion_model.findings import HORIZONS, QUANTILE_LEVELS
from fusion_model.forecasting.baselines import PersistenceEwma
from tests.builders import panel_of

Q = len(QUANTILE_LEVELS)
COSTS = {"fit_cpu": 2.0, "fit_wall": 3.0, "predict_cpu": 1.0, "predict_wall": 1.0, "peak_mb": 300.0}


def small_panel(T: int = 1400) -> Panel:
    returns = 0.01 * np.random.default_rng(3).standard_normal((T, 2))
    return panel_of(returns)


def small_task() -> Task:
    returns = np.random.default_rng(1).standard_normal((200, 2))
    returns[:40, 1] = np.nan
    return Task(returns, 150, np.arange(151, 170, 5), np.array(QUANTILE_LEVELS), HORIZONS)


def wide(scale: float, origins: int, N: int = 2) -> np.ndarray:
    spread = np.linspace(-1.0, 1.0, Q) * scale
    return np.broadcast_to(spread, (origins, N, len(HORIZONS), Q)) * np.sqrt(HORIZONS)[:, None]


def test_a_ticker_without_five_years_or_with_a_gap_in_the_span_is_left_out() -> None:
    panel = small_panel()
    first, last = panel.sessions[1300], panel.sessions[1350]
    gap = panel.ohlcv.copy()
    gap[1320, 1] = np.nan
    late = panel.ohlcv.copy()
    late[:60, 1] = np.nan
    assert old_enough(panel, panel.tickers, first, last) == ["T00", "T01"]
    assert old_enough(replace(panel, ohlcv=gap), panel.tickers, first, last) == ["T00"]
    assert old_enough(replace(panel, ohlcv=late), panel.tickers, first, last) == ["T00"]
    with pytest.raises(SystemExit, match="no ticker has 1250 returns"):
        old_enough(panel, panel.tickers, panel.sessions[900], last)


def test_training_ends_the_session_before_the_first_origin() -> None:
    panel = small_panel()
    task = task_of(panel, panel.sessions[1300], panel.sessions[1312], 5)
    assert (int(task["fit_row"]), task["origins"].tolist()) == (1299, [1300, 1305, 1310])
    assert task["levels"].tolist() == list(QUANTILE_LEVELS)


def test_answers_become_rows_of_a_backtest_and_come_back(tmp_path: Path) -> None:
    panel = small_panel()
    said = wide(0.02, 2).copy()
    said[1, 0] = np.nan  # the second ticker alone at the second origin
    write_rows(tmp_path / "rows.csv", panel, [1300, 1395], [Answered("peer", said, COSTS, {})])
    table = read_backtest(tmp_path / "rows.csv")
    assert list(zip(table.ticker, table.as_of_session, table.horizon.tolist(), strict=True)) == [
        *((ticker, panel.sessions[1300], h) for h in HORIZONS for ticker in panel.tickers),
        *(("T01", panel.sessions[1395], h) for h in HORIZONS),
    ]
    np.testing.assert_allclose(table.quantiles[2], said[0, 0, 1], atol=1e-8)
    np.testing.assert_allclose(table.realised[2], panel.forward_returns(5)[1300, 0], atol=1e-8)
    assert np.isnan(table.realised).tolist() == [*[False] * 6, False, True, True]


def test_the_return_over_a_horizon_is_known_once_it_has_ended() -> None:
    task = small_task()
    moved = task.moved(5)
    np.testing.assert_allclose(moved[100], task.returns[96:101].sum(axis=0))
    assert np.isnan(moved[:4, 0]).all()
    assert np.isnan(moved[:44, 1]).all()
    assert np.isfinite(moved[44:, 1]).all()


def test_nothing_after_training_moves_what_a_network_learns_from() -> None:
    task = small_task()
    later = task.returns.copy()
    later[task.fit_row + 1 :] = 99.0
    known = slice(task.fit_row + 1)
    for setting in ("own", "window", "level", "mixed"):
        pairs = zip(series_of(task, setting), series_of(replace(task, returns=later), setting), strict=True)
        for ours, other in pairs:
            np.testing.assert_array_equal(ours.target[known], other.target[known])
            np.testing.assert_array_equal(ours.unit, other.unit)


def test_what_is_asked_ends_at_the_origin() -> None:
    task = small_task()
    series = next(iter(series_of(task, "own")))
    frame = long_frame(series, task.origins[:, None] + np.arange(-63, 1), 2)
    newest = frame.groupby("unique_id")["y"].last().to_numpy().reshape(len(task.origins), 2)
    np.testing.assert_array_equal(newest, series.target[task.origins])
    assert (frame.groupby("unique_id").size() == 64).all()


def test_a_level_that_a_network_foretells_is_a_return_from_today() -> None:
    task = small_task()
    series = next(iter(series_of(task, "level")))
    frame = pd.DataFrame(
        [
            {"unique_id": p * 2 + n, "ds": step, **dict.fromkeys(QUANTILE_LEVELS, level + step)}
            for p, origin in enumerate(task.origins)
            for n, level in enumerate(series.target[origin])
            for step in range(1, 21)
        ]
    )
    found = Answer(np.full((len(task.origins), 2, 3, Q), np.nan))
    read_network(task, found, series, frame.sample(frac=1.0, random_state=1), 20)
    np.testing.assert_allclose(found.quantiles, np.broadcast_to([[1.0], [5.0], [20.0]], (4, 2, 3, Q)))


def test_a_network_that_answers_too_little_is_not_scored() -> None:
    task = small_task()
    series = Series(task.returns, {}, {1: 1}, np.ones(2))
    said = pd.DataFrame({"unique_id": [0], "ds": [1], **{str(level): [0.0] for level in QUANTILE_LEVELS}})
    with pytest.raises(SystemExit, match="answered 1 rows"):
        read_network(task, Answer(np.zeros((4, 2, 3, Q))), series, said, 1)


def test_ends_of_central_ranges_stand_at_our_levels() -> None:
    said = {"mean": np.array([0.5, 0.5])}
    for share in CENTRAL:
        said |= {f"lo-{share}": np.full(2, 0.5 - share / 200), f"hi-{share}": np.full(2, 0.5 + share / 200)}
    np.testing.assert_allclose(central_quantiles(said, np.array([1])), [QUANTILE_LEVELS])


def test_simulated_garch_returns_have_the_variance_of_its_recursion() -> None:
    shocks = np.random.default_rng(0).standard_normal((200_000, 3))
    paths = garch_paths(2.0, 0.1, 0.05, 0.9, shocks)
    second = 0.1 + 0.95 * 2.0
    third = 0.1 + 0.95 * second
    np.testing.assert_allclose(paths.var(axis=0), [2.0, 2.0 + second, 2.0 + second + third], rtol=0.02)


def test_ours_answers_as_in_a_backtest() -> None:
    panel = small_panel()
    found, seconds = answer(PersistenceEwma(), panel, 1299, [1300, 1305])
    said = {(one.ticker, one.horizon): one for one in PersistenceEwma().predict(panel, panel.sessions[1305])}
    np.testing.assert_array_equal(found[1, 1, 2], said["T01", 20].quantiles)
    assert set(seconds) == {"fit_wall", "fit_cpu", "predict_wall", "predict_cpu"}


def test_a_kept_answer_is_read_and_nobody_asked(tmp_path: Path) -> None:
    panel = small_panel()
    task = task_of(panel, panel.sessions[1300], panel.sessions[1312], 5)
    np.savez_compressed(tmp_path / "task.npz", **task)
    nowhere = tmp_path / "no-environment"
    with pytest.raises(SystemExit) as ended:
        asked("garch", tmp_path, nowhere, tmp_path, task)
    assert ended.value.code == 3
    path = kept_answer(tmp_path, "garch", TAKEN["garch"], task)
    save_answer(path, wide(0.02, 3)[..., ::-1], {"fit_cpu": 1.0}, {"versions": {}})
    kept = asked("garch", tmp_path, nowhere, tmp_path, task)
    np.testing.assert_array_equal(kept.quantiles, wide(0.02, 3))  # put in order
    assert kept.costs["peak_mb"] > 10.0


def test_an_answer_of_another_program_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = {"returns": np.zeros(3)}
    program = tmp_path / "program.py"
    program.write_text("STEPS = 300")
    monkeypatch.setattr(peers, "NIXTLA", program)
    before = kept_answer(tmp_path, "tft", "mixed", task)
    assert kept_answer(tmp_path, "tft", "mixed", task) == before
    program.write_text("STEPS = 2000")
    assert kept_answer(tmp_path, "tft", "mixed", task) != before


def test_the_table_names_every_column_in_which_ours_is_behind(tmp_path: Path) -> None:
    panel = small_panel()
    origins = list(range(1300, 1370))
    answers = [
        Answered("fusion", wide(0.023, len(origins)), COSTS, {}),
        Answered("wide", wide(0.1, len(origins)), COSTS | {"peak_mb": 100.0}, {}),
    ]
    write_rows(tmp_path / "rows.csv", panel, origins, answers)
    table = read_backtest(tmp_path / "rows.csv")
    assert behind("fusion", score(table, "fusion"), answers) == ["fusion: less memory: wide"]
    reports = tables(table, answers)
    assert [report.rows[0]["model"] for report in reports] == ["fusion"] * 4
    assert "fusion: less memory: wide" in reports[-1].text()


@pytest.mark.skipif(
    not os.environ.get("BAROGRAPH_PEERS"),
    reason="the peers' own libraries: name their environment (benchmarks/peers.py) in BAROGRAPH_PEERS",
)
@pytest.mark.parametrize("name", ["garch", "auto_ets", "nhits"])
def test_the_libraries_answer(name: str, tmp_path: Path) -> None:
    panel = small_panel()
    task = task_of(panel, panel.sessions[1300], panel.sessions[1312], 5)
    np.savez_compressed(tmp_path / "task.npz", **task)
    said = asked(name, tmp_path, Path(os.environ["BAROGRAPH_PEERS"]), tmp_path, task).quantiles
    assert said.shape == (3, 2, 3, Q)
    width = (said[..., -1] - said[..., 0]).mean(axis=(0, 1))  # of 98 %: 4.65 deviations of .01
    np.testing.assert_allclose(width / np.sqrt(HORIZONS), 0.0465, rtol=0.3)
