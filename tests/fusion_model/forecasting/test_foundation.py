"""Claims of the foundation model's door: what is shown to it, what its levels become, what is refused.

The real weights are not here: a tiny Chronos-2 with random weights goes through the same files and code.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri

from collectors.errors import BadInput, ConfigurationError
from fusion_model.dataset.panel import Panel
from fusion_model.distribution import NORMAL_SCORES
from fusion_model.errors import NotEnoughHistory
from fusion_model.findings import HORIZONS, Forecast
from fusion_model.forecasting.foundation import FOLDER, MODEL, Chronos2, at_our_levels
from tests.fusion_model.simulated import panel_of, scaled, with_future_corrupted

MODEL_LEVELS = [0.01, *(round(0.05 * step, 2) for step in range(1, 20)), 0.99]
CONTEXT = 96


def save_tiny(folder: Path, levels: list[float] = MODEL_LEVELS) -> Path:
    chronos = pytest.importorskip("chronos", reason="needs the extra `foundation` (chronos-forecasting)")
    import torch

    torch.manual_seed(3)
    config = chronos.chronos2.config.Chronos2CoreConfig(
        d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2,
        architectures=["Chronos2Model"], chronos_pipeline_class="Chronos2Pipeline",
        chronos_config={
            "context_length": 256, "input_patch_size": 16, "input_patch_stride": 16, "output_patch_size": 16,
            "max_output_patches": 4, "time_encoding_scale": 256, "quantiles": levels,
            "use_reg_token": True, "use_arcsinh": True,
        },
    )  # fmt: skip
    chronos.Chronos2Pipeline(chronos.Chronos2Model(config)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("models") / FOLDER)


@pytest.fixture(scope="module")
def panel() -> Panel:
    """Four stocks, one of them too young until the end."""
    returns = np.random.default_rng(2).normal(0.0, 0.012, (420, 4))
    returns[:200, 3] = np.nan
    return panel_of(returns)


def said(folder: Path, panel: Panel, session: str) -> list[Forecast]:
    forecaster = Chronos2(folder, CONTEXT)
    forecaster.fit(panel, panel.sessions[:300])
    return forecaster.predict(panel, session)


def test_a_forecast_is_the_models_level_ahead_less_todays(tiny: Path, panel: Panel) -> None:
    row, pipeline = 400, Chronos2(tiny)._pipeline
    index = np.cumsum(panel.log_returns[row - CONTEXT + 1 : row + 1, 1])
    came: Any = pipeline.predict([(index - index[-1]).astype(np.float32)], prediction_length=20)
    by_level = np.sort(came[0][0].numpy(), axis=0)  # (P, S)
    for forecast in said(tiny, panel, panel.sessions[row])[3:6]:
        truth = by_level[:, forecast.horizon - 1]
        assert (forecast.ticker, forecast.model) == ("T001", MODEL)
        ours = [forecast.quantiles[place] for place in (0, 2, 3, 8, 14, 16)]
        assert ours == pytest.approx(truth[[0, 1, 2, 10, 19, 20]], abs=1e-6)
        assert truth[0] <= forecast.quantiles[1] <= truth[1]
        assert list(forecast.quantiles) == sorted(forecast.quantiles)


def test_levels_of_a_normal_come_out_as_a_normal() -> None:
    normal = np.broadcast_to(ndtri(MODEL_LEVELS)[None, :, None], (2, 21, 3))
    ours = at_our_levels(normal, MODEL_LEVELS)
    assert ours.shape == (2, 17, 3)
    assert np.abs(ours - NORMAL_SCORES[None, :, None]).max() < 1e-12


def test_only_what_has_a_year_of_returns_is_forecast(tiny: Path, panel: Panel) -> None:
    assert [f.horizon for f in said(tiny, panel, panel.sessions[400])] == list(HORIZONS) * 3


def test_the_future_and_the_unit_of_prices_change_no_forecast(tiny: Path, panel: Panel) -> None:
    session = panel.sessions[400]
    now = said(tiny, panel, session)
    assert said(tiny, panel.until(session), session) == now
    assert said(tiny, with_future_corrupted(panel, session), session) == now
    in_cents = said(tiny, scaled(panel, 128.0), session)
    assert [f.quantiles for f in in_cents] == [f.quantiles for f in now]


def test_a_short_history_is_padded_and_reads_as_if_it_were_not(tiny: Path, panel: Panel) -> None:
    row, pipeline = 252, Chronos2(tiny)._pipeline
    index = np.concatenate([[0.0], np.cumsum(panel.log_returns[1 : row + 1, 0])])
    came: Any = pipeline.predict([(index - index[-1]).astype(np.float32)], prediction_length=20)
    forecast = Chronos2(tiny, 256).predict(panel, panel.sessions[row])[2]
    assert (forecast.ticker, forecast.horizon, len(index)) == ("T000", 20, 253)
    assert forecast.quantiles[8] == pytest.approx(np.sort(came[0][0, :, 19].numpy())[10], abs=1e-6)


def test_the_version_names_weights_and_context(tiny: Path, tmp_path: Path) -> None:
    other = save_tiny(tmp_path / FOLDER)
    assert Chronos2(other).model_version == Chronos2(tiny).model_version
    assert Chronos2(tiny, 96).model_version != Chronos2(tiny).model_version


def test_no_sessions_to_start_from_is_said(tiny: Path, panel: Panel) -> None:
    with pytest.raises(NotEnoughHistory, match="needs sessions before"):
        Chronos2(tiny).fit(panel, ())


# What is refused ----------------------------------------------------------------------------------


def test_a_missing_package_is_said_with_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "chronos", None)
    with pytest.raises(ConfigurationError, match="pip install 'chronos-forecasting"):
        Chronos2(tmp_path)


def test_missing_weights_are_said_with_how_to_get_them(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((tiny / "config.json").read_bytes())
    with pytest.raises(
        ConfigurationError, match=r"needs model.safetensors in .*hf download autogluon/chronos-2"
    ):
        Chronos2(tmp_path)


def test_damaged_and_partial_weights_are_refused(tiny: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = load_file(tiny / "model.safetensors")
    (tmp_path / "config.json").write_bytes((tiny / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes((tiny / "model.safetensors").read_bytes()[:-100])
    with pytest.raises(BadInput, match="cannot be read"):
        Chronos2(tmp_path)
    weights.pop(min(weights))
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(BadInput, match="it lacks encoder"):
        Chronos2(tmp_path)


def test_a_model_without_our_outer_levels_is_refused(tmp_path: Path) -> None:
    levels = [round(0.1 * step, 1) for step in range(1, 10)]
    with pytest.raises(BadInput, match=r"no Chronos-2 with quantiles from 0.01 to 0.99"):
        Chronos2(save_tiny(tmp_path / FOLDER, levels))
