"""The shipped forecaster: it sees the past alone, a checkpoint stands for it, and its ranges hold."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from collectors.errors import StorageError
from fusion_model.dataset.panel import Panel
from fusion_model.errors import CheckpointError, NoModel, NotEnoughHistory
from fusion_model.findings import HORIZONS, QUANTILE_LEVELS, Forecast
from fusion_model.forecasting.fusion_forecaster import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    FusionForecaster,
    targets_of,
)
from fusion_model.forecasting.fusion_network import FusionConfig
from tests.builders import (
    lively_panel,
    with_bars_only_from,
    with_future_corrupted,
    with_prices_scaled,
    with_tickers,
)

CONFIG = FusionConfig(
    use_sentiment=True,
    use_macro=True,
    hidden=8,
    encoder_hidden=4,
    lookback=16,
    segment=64,
    batch=16,
    members=1,
    epochs=2,
    validation_sessions=40,
    held_out_sessions=40,
    stacking_sessions=150,
    calibration_sessions=150,
    longest_calibration_sessions=200,
    adaptation_sessions=100,
)
TRAINED = 699  # row of the last session that training saw
LATER = 799  # row of a session after it


@pytest.fixture(scope="module")
def panel() -> Panel:
    return lively_panel(900, 8)


@pytest.fixture(scope="module")
def fitted(panel: Panel) -> FusionForecaster:
    forecaster = FusionForecaster(CONFIG)
    forecaster.fit(panel, panel.sessions[: TRAINED + 1])
    return forecaster


@pytest.fixture(scope="module")
def later(panel: Panel, fitted: FusionForecaster) -> list[Forecast]:
    return fitted.predict(panel, panel.sessions[LATER])


@pytest.fixture
def checkpoint(fitted: FusionForecaster, tmp_path: Path) -> Path:
    return fitted.save(tmp_path / "models")


def quantiles_of(forecasts: list[Forecast]) -> np.ndarray:
    return np.array([forecast.quantiles for forecast in forecasts])


def test_the_longest_horizon_takes_its_shape_from_more_sessions(
    panel: Panel, fitted: FusionForecaster
) -> None:
    """Of twenty-session outcomes those of neighbouring sessions say nearly the same."""
    assert [CONFIG.shape_sessions(horizon) for horizon in HORIZONS] == [150, 150, 200]
    assert replace(CONFIG, longest_calibration_sessions=0).shape_sessions(max(HORIZONS)) == 150
    assert len(fitted.state.history_sessions) == 200 + max(HORIZONS)
    prepared = fitted.prepared(panel)
    rows = [len(prepared.residuals(fitted.state, LATER, k)) for k in range(len(HORIZONS))]
    assert rows == [150, 150, 200]


def test_every_other_network_learns_from_paths_too(panel: Panel) -> None:
    """Its offset, which the paths alone move, tells which networks were taught by them."""
    config = replace(CONFIG, members=3, epochs=1, stacking_sessions=0)
    assert [targets_of(member, config).stop for member in range(3)] == [3, None, 3]
    assert targets_of(1, replace(config, path_weight=0.0)).stop == 3
    for weight, expected in ((1.0, [False, True, False]), (0.0, [False] * 3)):
        forecaster = FusionForecaster(replace(config, path_weight=weight))
        forecaster.fit(panel, panel.sessions[: TRAINED + 1])
        moved = [bool(network.path_offset.abs().max() > 0) for network in forecaster.state.networks]
        assert moved == expected


# What a forecast says -----------------------------------------------------------------------------


def test_every_ticker_gets_a_forecast_at_every_horizon(panel: Panel, later: list[Forecast]) -> None:
    keys = [(forecast.ticker, forecast.horizon) for forecast in later]
    assert keys == [(ticker, horizon) for ticker in panel.tickers for horizon in HORIZONS]
    assert {forecast.as_of_session for forecast in later} == {panel.sessions[LATER]}
    assert later[2].target_session == panel.sessions[LATER + 20]
    assert later[2].last_close == panel.ohlcv[LATER, 0, 3]


def test_a_forecast_is_one_distribution(later: list[Forecast]) -> None:
    assert (np.diff(quantiles_of(later), axis=1) >= 0.0).all()
    assert all(forecast.volatility > 0.0 and 0.0 < forecast.prob_up < 1.0 for forecast in later)
    wide = np.array([forecast.quantiles[-1] - forecast.quantiles[0] for forecast in later]).reshape(-1, 3)
    assert (np.diff(wide, axis=1) > 0.0).all()


def test_nine_in_ten_outcomes_end_inside_the_90_percent_range(panel: Panel, fitted: FusionForecaster) -> None:
    """On heavy tails and moving volatility; 1,440 outcomes a horizon, far from independent at 20 sessions."""
    low, high = QUANTILE_LEVELS.index(0.05), QUANTILE_LEVELS.index(0.95)
    rows = range(TRAINED, 879)
    quantiles = np.stack([quantiles_of(fitted.predict(panel, panel.sessions[row])) for row in rows])
    quantiles = quantiles.reshape(len(rows), 8, 3, len(QUANTILE_LEVELS))
    inside = {}
    for k, horizon in enumerate(HORIZONS):
        came = panel.forward_returns(horizon)[TRAINED:879]
        inside[horizon] = ((quantiles[:, :, k, low] <= came) & (came <= quantiles[:, :, k, high])).mean()
    assert 0.86 < inside[1] < 0.94
    assert 0.82 < inside[5] < 0.96
    assert 0.72 < inside[20] < 0.99


# Time ---------------------------------------------------------------------------------------------


def test_a_longer_panel_gives_the_forecasts_of_the_panel_of_that_day(
    panel: Panel, fitted: FusionForecaster, later: list[Forecast]
) -> None:
    assert fitted.predict(panel.until(panel.sessions[LATER]), panel.sessions[LATER]) == later


def test_corrupting_the_future_changes_no_forecast(
    panel: Panel, fitted: FusionForecaster, later: list[Forecast]
) -> None:
    session = panel.sessions[LATER]
    assert fitted.predict(with_future_corrupted(panel, session), session) == later


def test_a_ticker_listed_later_changes_no_forecast(panel: Panel, fitted: FusionForecaster) -> None:
    session = panel.sessions[LATER]
    listed = with_bars_only_from(panel, column=3, row=LATER + 1)
    without = with_tickers(panel, [0, 1, 2, 4, 5, 6, 7])
    assert fitted.predict(listed, session) == fitted.predict(without, session)


def test_training_reads_nothing_after_its_last_session(panel: Panel) -> None:
    config = replace(CONFIG, epochs=1)
    session = panel.sessions[599]
    versions = []
    for seen in (panel, with_future_corrupted(panel, session)):
        forecaster = FusionForecaster(config)
        forecaster.fit(seen, panel.sessions[:600])
        versions.append(forecaster.model_version)
    assert versions[0] == versions[1]  # a digest of weights, scaling and calibration
    assert versions[0].startswith(f"fusion-{session}-")


# Invariances and gaps -----------------------------------------------------------------------------


def test_scaling_a_price_history_leaves_its_return_forecasts(
    panel: Panel, fitted: FusionForecaster, later: list[Forecast]
) -> None:
    scaled = with_prices_scaled(panel, [0.1, 10.0, 1.0, 100.0, 3.0, 1.0, 7.0, 2.0])
    found = fitted.predict(scaled, panel.sessions[LATER])
    np.testing.assert_allclose(quantiles_of(found), quantiles_of(later), atol=1e-6)


def test_a_ticker_that_is_new_since_training_gets_forecasts(panel: Panel) -> None:
    seven = with_tickers(panel, range(7))
    forecaster = FusionForecaster(replace(CONFIG, epochs=1))
    forecaster.fit(seven, panel.sessions[: TRAINED + 1])
    found = forecaster.predict(panel, panel.sessions[TRAINED + 1])
    assert [forecast.horizon for forecast in found if forecast.ticker == "T07"] == list(HORIZONS)
    assert np.isfinite(quantiles_of(found)).all()


def test_a_ticker_without_a_bar_that_day_gets_none(panel: Panel, fitted: FusionForecaster) -> None:
    ohlcv = panel.ohlcv.copy()
    ohlcv[LATER, 5] = np.nan
    found = fitted.predict(replace(panel, ohlcv=ohlcv), panel.sessions[LATER])
    assert {forecast.ticker for forecast in found} == set(panel.tickers) - {"T05"}


def test_a_macro_series_that_is_gone_is_named_and_the_rest_goes_on(
    panel: Panel, fitted: FusionForecaster, caplog: pytest.LogCaptureFixture
) -> None:
    gone = replace(panel, macro=panel.macro[:, :1], macro_series=("DGS10",))
    found = fitted.predict(gone, panel.sessions[LATER])
    assert len(found) == 24
    assert caplog.messages == ["No observations of INDPRO_growth: the model goes on without them"]


def test_posts_by_nobody_are_no_obstacle(panel: Panel, fitted: FusionForecaster) -> None:
    silent = panel.sentiment.copy()
    silent[:, :, :2], silent[:, :, 2] = np.nan, 0.0
    found = fitted.predict(replace(panel, sentiment=silent, scorer=""), panel.sessions[LATER])
    assert {forecast.scorer for forecast in found} == {""}


def test_an_untrained_forecaster_says_what_to_do(panel: Panel, tmp_path: Path) -> None:
    untrained = FusionForecaster(CONFIG)
    with pytest.raises(NoModel, match="run `barograph train` first"):
        untrained.predict(panel, panel.sessions[-1])
    with pytest.raises(NoModel):
        untrained.save(tmp_path)
    assert untrained.model_version.startswith("untrained-")


def test_a_short_history_is_refused_before_training(panel: Panel) -> None:
    with pytest.raises(NotEnoughHistory, match="500 sessions are stored, and training needs at least 520"):
        FusionForecaster(CONFIG).fit(panel, panel.sessions[:500])


# Checkpoints --------------------------------------------------------------------------------------


def test_a_loaded_checkpoint_gives_identical_forecasts(
    panel: Panel, fitted: FusionForecaster, later: list[Forecast], checkpoint: Path
) -> None:
    loaded = FusionForecaster.load(checkpoint)
    assert (loaded.model_version, loaded.config) == (fitted.model_version, fitted.config)
    assert loaded.predict(panel, panel.sessions[LATER]) == later
    assert sorted(file.name for file in checkpoint.iterdir()) == [CONFIG_FILE, WEIGHTS_FILE]


def test_saving_again_writes_nothing(fitted: FusionForecaster, checkpoint: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in checkpoint.iterdir()}
    assert fitted.save(checkpoint.parent) == checkpoint
    assert {file: file.stat().st_mtime_ns for file in checkpoint.iterdir()} == before


def test_a_save_that_was_interrupted_is_made_good(fitted: FusionForecaster, tmp_path: Path) -> None:
    aside = tmp_path / f"{fitted.model_version}.part"
    aside.mkdir()
    (aside / WEIGHTS_FILE).write_bytes(b"half of it")
    assert FusionForecaster.load(fitted.save(tmp_path)).model_version == fitted.model_version
    assert not aside.exists()


@pytest.mark.parametrize("name", [CONFIG_FILE, WEIGHTS_FILE])
def test_a_missing_file_makes_a_checkpoint_unusable(checkpoint: Path, name: str) -> None:
    (checkpoint / name).unlink()
    with pytest.raises(CheckpointError, match="run `barograph train` to make a new one"):
        FusionForecaster.load(checkpoint)


@pytest.mark.parametrize("name", [CONFIG_FILE, WEIGHTS_FILE])
@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b"half"])
def test_a_damaged_file_makes_a_checkpoint_unusable(checkpoint: Path, name: str, content: bytes) -> None:
    kept = (checkpoint / name).read_bytes()
    (checkpoint / name).write_bytes(content if content != b"half" else kept[: len(kept) // 2])
    with pytest.raises(CheckpointError, match="cannot be used"):
        FusionForecaster.load(checkpoint)


def test_a_single_flipped_bit_of_a_weight_is_noticed(checkpoint: Path) -> None:
    """Once, a checkpoint with other weights was read under a new version's name."""
    content = bytearray((checkpoint / WEIGHTS_FILE).read_bytes())
    content[-3] ^= 1
    (checkpoint / WEIGHTS_FILE).write_bytes(bytes(content))
    with pytest.raises(CheckpointError, match="its content is not what was saved"):
        FusionForecaster.load(checkpoint)


@pytest.mark.parametrize(
    ("key", "value"),
    [("format", 99), ("price_features", ["return"]), ("sentiment_features", []), ("horizons", [1, 2, 3])],
)
def test_a_checkpoint_of_another_program_is_refused(checkpoint: Path, key: str, value: object) -> None:
    description = json.loads((checkpoint / CONFIG_FILE).read_text("utf-8"))
    (checkpoint / CONFIG_FILE).write_text(json.dumps({**description, key: value}), "utf-8")
    with pytest.raises(CheckpointError, match=f"its {key} are not those of this program"):
        FusionForecaster.load(checkpoint)


@pytest.mark.parametrize("change", [{"hidden": 16}, {"members": 2}, {"shoe_size": 44}])
def test_a_config_that_does_not_fit_the_weights_is_refused(checkpoint: Path, change: dict[str, int]) -> None:
    description = json.loads((checkpoint / CONFIG_FILE).read_text("utf-8"))
    description["config"].update(change)
    (checkpoint / CONFIG_FILE).write_text(json.dumps(description), "utf-8")
    with pytest.raises(CheckpointError):
        FusionForecaster.load(checkpoint)


def test_a_checkpoint_without_its_calibration_is_refused(checkpoint: Path) -> None:
    weights = load_file(checkpoint / WEIGHTS_FILE)
    del weights["history"]
    save_file(weights, checkpoint / WEIGHTS_FILE)
    with pytest.raises(CheckpointError, match="history"):
        FusionForecaster.load(checkpoint)


def test_a_checkpoint_may_be_moved(checkpoint: Path, fitted: FusionForecaster, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(checkpoint, tmp_path / "elsewhere"))
    assert FusionForecaster.load(moved).model_version == fitted.model_version


def test_a_folder_that_cannot_be_written_is_named(fitted: FusionForecaster, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(StorageError, match=r"could not be written to .*models.*make room on the disk"):
        fitted.save(tmp_path / "models")


# With the graph -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def joined(panel: Panel) -> FusionForecaster:
    forecaster = FusionForecaster(replace(CONFIG, use_graph=True, graph_neighbours=3))
    forecaster.fit(panel, panel.sessions[: TRAINED + 1])
    return forecaster


def test_the_graph_changes_what_is_forecast(
    panel: Panel, joined: FusionForecaster, later: list[Forecast]
) -> None:
    assert quantiles_of(joined.predict(panel, panel.sessions[LATER])).tolist() != quantiles_of(later).tolist()


def test_with_the_graph_the_future_and_who_is_listed_in_it_change_no_forecast(
    panel: Panel, joined: FusionForecaster
) -> None:
    session = panel.sessions[LATER]
    said = joined.predict(panel, session)
    assert joined.predict(panel.until(session), session) == said
    assert joined.predict(with_future_corrupted(panel, session), session) == said
    listed = joined.predict(with_bars_only_from(panel, column=3, row=LATER + 1), session)
    assert listed == joined.predict(with_tickers(panel, [0, 1, 2, 4, 5, 6, 7]), session)


def test_with_the_graph_permuting_tickers_permutes_forecasts(panel: Panel, joined: FusionForecaster) -> None:
    session, order = panel.sessions[LATER], [5, 2, 7, 0, 1, 6, 3, 4]
    before, after = joined.predict(panel, session), joined.predict(with_tickers(panel, order), session)
    assert [forecast.ticker for forecast in after] == [forecast.ticker for forecast in before]
    np.testing.assert_allclose(quantiles_of(after), quantiles_of(before), atol=1e-5)


def test_related_stocks_tell_where_the_model_looks(
    panel: Panel, joined: FusionForecaster, fitted: FusionForecaster, tmp_path: Path
) -> None:
    session = panel.sessions[LATER]
    related = joined.related_stocks(panel, session)
    assert list(related) == list(panel.tickers)
    assert [sum(weight for _, weight in own) for own in related.values()] == pytest.approx([1.0] * 8)
    assert all(name not in dict(own) and len(own) <= 3 for name, own in related.items())
    assert FusionForecaster.load(joined.save(tmp_path)).related_stocks(panel, session) == related
    assert fitted.related_stocks(panel, session) == {}
