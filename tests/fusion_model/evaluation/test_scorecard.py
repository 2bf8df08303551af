"""Claims of the scorecard: a planted signal is found, a random walk has none, and words follow figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from collectors.errors import BadInput
from collectors.store import open_database
from fusion_model.dataset.panel import Panel
from fusion_model.distribution import NORMAL_SCORES, as_forecasts, probability_of_rise
from fusion_model.evaluation.backtest import run_backtest
from fusion_model.evaluation.backtest_part import COLUMNS
from fusion_model.evaluation.metrics import scored_pinball
from fusion_model.evaluation.scorecard import read_backtest, score, scorecard_text
from fusion_model.findings import HORIZONS, Forecast, ScoreRow
from fusion_model.schema import migrations
from fusion_model.store import load_scores, save_scores
from tests.fusion_model.simulated import momentum, random_walk


class Carried:
    """Normal ranges of a known width around a share of the last return."""

    model_version = "1"

    def __init__(self, model: str, carry: float, volatility: float = 0.01) -> None:
        self.model, self.carry, self.volatility = model, carry, volatility

    def fit(self, panel: Panel, sessions: Sequence[str]) -> None:
        assert panel.sessions[-1] == sessions[-1]

    def predict(self, panel: Panel, session: str) -> list[Forecast]:
        last = panel.log_returns[panel.position(session)]
        forecasts = []
        for horizon in HORIZONS:
            mean = last * sum(self.carry**step for step in range(1, horizon + 1))
            spread = np.full(len(last), self.volatility * np.sqrt(horizon))
            quantiles = mean[:, None] + spread[:, None] * NORMAL_SCORES
            forecasts += as_forecasts(
                panel, session, range(len(last)), horizon, quantiles, mean=mean, volatility=spread,
                prob_up=probability_of_rise(quantiles), model=self.model, model_version="1",
            )  # fmt: skip
        return forecasts


def scored(panel: Panel, out: Path, **carry: float) -> list[ScoreRow]:
    made = {name: lambda name=name, share=share: Carried(name, share) for name, share in carry.items()}
    run_backtest(panel, made, first=panel.sessions[60], last=panel.sessions[-1], refit="never", out=out)
    return score(read_backtest(out))


def row_of(rows: Sequence[ScoreRow], model: str, baseline: str, horizon: int) -> ScoreRow:
    return next(r for r in rows if (r.model, r.baseline, r.horizon) == (model, baseline, horizon))


def test_a_planted_signal_is_found(tmp_path: Path) -> None:
    rows = scored(momentum(460, 12, carry=0.3, seed=1), tmp_path / "b.csv", fusion=0.3, still=0.0)
    found = row_of(rows, "fusion", "still", 1)
    assert found.skill == pytest.approx(1 - np.sqrt(1 - 0.3**2), abs=0.015)  # by how much the spread shrinks
    assert found.dm_t < -5
    assert found.direction_mcc_low > 0.1
    assert "more than chance" in scorecard_text(rows).split("\n\n")[0]
    assert "no directional skill" not in scorecard_text(rows).split("\n\n")[0]


def test_on_a_random_walk_the_same_forecaster_has_no_skill(tmp_path: Path) -> None:
    rows = scored(random_walk(460, 12, seed=2), tmp_path / "b.csv", fusion=0.3, still=0.0)
    found = row_of(rows, "fusion", "still", 1)
    assert found.skill < -0.02
    assert found.dm_t > 5
    assert found.direction_mcc_low < 0 < found.direction_mcc_high
    assert scorecard_text(rows).count("no directional skill") == 3


def test_the_true_distribution_is_covered_as_it_says(tmp_path: Path) -> None:
    rows = scored(random_walk(460, 40, seed=3), tmp_path / "b.csv", fusion=0.0)
    for horizon, tolerance in ((1, 0.01), (5, 0.015), (20, 0.03)):
        own = row_of(rows, "fusion", "fusion", horizon)
        covered = [own.coverage_50, own.coverage_80, own.coverage_90, own.coverage_95]
        assert covered == pytest.approx([0.5, 0.8, 0.9, 0.95], abs=tolerance)


def test_figures_are_those_of_the_rows_that_all_models_share(tmp_path: Path) -> None:
    out = tmp_path / "b.csv"
    rows = scored(random_walk(460, 3, seed=4), out, fusion=0.1, still=0.0)
    lines = out.read_text(encoding="utf-8").splitlines()
    out.write_text(
        "\n".join(line for line in lines if ",T002,2016-03" not in line or "still" not in line) + "\n"
    )
    fewer = score(read_backtest(out))
    before, after = row_of(rows, "fusion", "still", 5), row_of(fewer, "fusion", "still", 5)
    assert before.forecasts - after.forecasts == 22  # sessions of March 2016
    assert before.sessions == after.sessions
    table = read_backtest(out)
    mine = (table.model == "fusion") & (table.horizon == 5) & np.isfinite(table.realised)
    mine &= ~((table.ticker == "T002") & np.char.startswith(table.as_of_session.astype(str), "2016-03"))
    assert after.forecasts == mine.sum()
    assert after.pinball == pytest.approx(scored_pinball(table.realised[mine], table.quantiles[mine]).mean())


def test_every_model_stands_beside_every_other_and_itself(tmp_path: Path) -> None:
    rows = scored(random_walk(260, 2, seed=5), tmp_path / "b.csv", still=0.0, fusion=0.1, wild=-0.4)
    assert len(rows) == 3 * 3 * len(HORIZONS)
    assert rows[0].model == "fusion"
    for row in rows:
        other = row_of(rows, row.baseline, row.model, row.horizon)
        assert (1 - row.skill) * (1 - other.skill) == pytest.approx(1.0)
        assert row.dm_t == pytest.approx(-other.dm_t, nan_ok=True)
    own = row_of(rows, "fusion", "fusion", 1)
    assert own.skill == 0.0
    assert np.isnan(own.dm_t)


def test_the_text_holds_a_line_per_model_and_a_sentence_per_horizon(tmp_path: Path) -> None:
    rows = scored(random_walk(260, 2, seed=6), tmp_path / "b.csv", still=0.0, fusion=0.1)
    tables = scorecard_text(rows).split("\n\n")
    assert [table.split(" ahead")[0] for table in tables] == ["one session", "5 sessions", "20 sessions"]
    for table in tables:
        lines = table.splitlines()
        assert len(lines) == 2 + 2 + 1
        assert {line.split()[0] for line in lines[2:4]} == {"fusion", "still"}
        assert lines[-1].endswith(".")
        assert "its 90 % range held" in lines[-1]


def test_one_model_alone_is_scored_without_a_rival(tmp_path: Path) -> None:
    rows = scored(random_walk(260, 2, seed=7), tmp_path / "b.csv", fusion=0.0)
    assert len(rows) == len(HORIZONS)
    assert "rival" not in scorecard_text(rows)


def test_scores_of_a_model_that_made_no_forecast_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "b.csv"
    scored(random_walk(260, 2, seed=8), out, fusion=0.0)
    with pytest.raises(BadInput, match="no forecasts of graph; there are some of fusion"):
        score(read_backtest(out), "graph")


def test_forecasts_that_are_all_future_are_refused(tmp_path: Path) -> None:
    panel, out = random_walk(260, 2, seed=9), tmp_path / "b.csv"
    span = {"first": panel.sessions[-3], "last": panel.sessions[-1]}
    run_backtest(panel, {"fusion": lambda: Carried("fusion", 0.0)}, refit="never", out=out, **span)
    with pytest.raises(BadInput, match="over 5 sessions has come true"):
        score(read_backtest(out))


GOOD = "fusion,AAPL,2016-01-04,1,2016-01-05,100.0," + ",".join(["0.0"] * 17) + ",0.0,0.5,"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("Date,Open,Close\n2016-01-04,1,2\n", "is no backtest: its first line"),
        (",".join(COLUMNS) + "\n", "only its header"),
        (",".join(COLUMNS) + "\n" + GOOD.replace("100.0", "cheap") + "\n", "no backtest row"),
        (",".join(COLUMNS) + "\n" + GOOD + "\n" + GOOD + "\n", "1 forecasts twice"),
        (
            ",".join(COLUMNS) + "\n" + GOOD.replace(",0.5,", ",nan,") + "\n",
            "without a number|no backtest row",
        ),
        (",".join(COLUMNS) + "\nfusion,AAPL,2016-01-04\n", "no backtest row"),
        (",".join(COLUMNS) + "\n" + GOOD + ",7,8\n", "no backtest row"),
    ],
)
def test_a_file_that_is_no_backtest_gets_a_clear_error(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "b.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BadInput, match=message):
        read_backtest(path)


def test_a_missing_or_binary_file_gets_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_backtest(tmp_path / "missing.csv")
    (tmp_path / "b.csv").write_bytes(b"\x80\x81\xff\n")
    with pytest.raises(BadInput, match="cannot be read"):
        read_backtest(tmp_path / "b.csv")


def test_crossing_quantiles_are_scored_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "b.csv"
    crossed = GOOD.replace("100.0,0.0,", "100.0,0.3,") + "0.01"
    path.write_text(",".join(COLUMNS) + "\n" + crossed + "\n", encoding="utf-8")
    assert read_backtest(path).realised.tolist() == [0.01]
    assert "quantiles of 1 of 1 forecasts cross" in caplog.text


def test_scores_survive_the_database_undefined_figures_included(tmp_path: Path) -> None:
    # A model beside itself has no t; saving its row once failed on a column that took no NULL.
    panel, out = random_walk(260, 2, seed=10), tmp_path / "b.csv"
    rows = scored(panel, out, fusion=0.0, still=0.1)
    db = open_database(tmp_path / "home.db", migrations)
    save_scores(db, rows, run="b.csv", scored_at="2026-01-02T00:00:00Z")
    loaded = load_scores(db)
    db.close()
    assert [repr(row) for row in loaded] == [repr(row) for row in rows]  # NaN equals itself as text
    assert any(np.isnan(row.dm_t) for row in loaded)
