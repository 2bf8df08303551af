"""Closes alone: a panel that the product reads, and forecasts from."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from benchmarks.published.closes import read_closes
from fusion_model.forecasting.fusion_forecaster import FusionForecaster
from tests.builders import SMALL, sessions_from


def closes_file(path: Path, length: int = 700) -> Path:
    random = np.random.default_rng(1)
    closes = 50.0 * np.exp(np.cumsum(random.normal(0.0, 0.02, (length, 3)), axis=0))
    rows = [
        f"{session},{','.join(f'{close:.3f}' for close in row)}"
        for session, row in zip(sessions_from("2012-01-03", length), closes, strict=True)
    ]
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(["Date,AAPL,AMD,BAC", *rows]) + "\n")
    return path


def test_closes_become_bars_of_one_price(tmp_path: Path) -> None:
    panel = read_closes(closes_file(tmp_path / "closes.csv.gz", 5), last="2012-01-05")
    assert (panel.tickers, panel.sessions[-1]) == (("AAPL", "AMD", "BAC"), "2012-01-05")
    assert (panel.ohlcv[:, :, :4] == panel.ohlcv[:, :, 3:4]).all()
    np.testing.assert_allclose(panel.ohlcv[:, :, 3] * panel.ohlcv[:, :, 4], 1e6)


def test_the_fusion_model_forecasts_from_closes_alone(tmp_path: Path) -> None:
    panel = read_closes(closes_file(tmp_path / "closes.csv.gz"))
    forecaster = FusionForecaster(SMALL)
    forecaster.fit(panel, panel.sessions)
    said = [f for f in forecaster.predict(panel, panel.sessions[-1]) if f.horizon == 1]
    assert [forecast.ticker for forecast in said] == ["AAPL", "AMD", "BAC"]
    assert all(0.015 < forecast.volatility < 0.027 for forecast in said)
