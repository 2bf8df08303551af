"""Climb the ablation ladder: what each part of the fusion model adds, with its t and its time.

    python benchmarks/ladder.py HOME [--years 2012-2016] [--steps lstm,macro]

HOME holds prices, and posts, macro figures and announcements for the parts that read them. A step is fitted
yearly on all that came before, one seed. It is scored like a backtest, but its quantiles are drawn anew every
21st session only, which takes seconds instead of minutes; so the figures differ a little from a backtest's.
Finished years are kept in HOME/ladder.
"""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from desktop_app.store import open_home
from fusion_model import pipeline
from fusion_model.dataset.features import Features, build_features
from fusion_model.dataset.panel import FloatArray, Panel, load_panel
from fusion_model.dataset.stock_graph import StockGraph
from fusion_model.dataset.windows import (
    NetworkInput,
    fit_scaling,
    purged_split,
    scale_features,
    standardised_targets,
)
from fusion_model.evaluation.metrics import inside_central_range, scored_pinball
from fusion_model.evaluation.significance import diebold_mariano
from fusion_model.findings import HORIZONS
from fusion_model.forecasting.calibration import adapted_levels, residual_quantiles
from fusion_model.forecasting.fusion_forecaster import all_targets, targets_of, tree_log_scale
from fusion_model.forecasting.fusion_network import FusionConfig, FusionNetwork
from fusion_model.forecasting.garch import fit_garch
from fusion_model.forecasting.stacking import garch_log_scale, learned_shares, mixed
from fusion_model.forecasting.training import as_neighbours, fit_network, one_thread
from fusion_model.forecasting.tree_scale import fit_tree_scale

REDRAW = 21  # sessions for which drawn quantiles stand
MIN_BARS = 504
CHUNK = 62  # sessions run at once
PURGE = max(HORIZONS)

PLAIN = FusionConfig(
    members=1,
    stacking_sessions=0,
    use_sentiment=False,
    use_macro=False,
    use_lstm=False,
    use_indicators=False,
    longest_calibration_sessions=0,
)
LSTM = replace(PLAIN, use_lstm=True)
PRICES = replace(LSTM, use_indicators=True)
MACRO = replace(PRICES, use_macro=True)
POSTS = replace(MACRO, use_sentiment=True)
GRAPH = replace(POSTS, use_graph=True)
STEPS: dict[str, tuple[FusionConfig, str]] = {  # name: configuration, the step it is compared with
    "volatility features": (PLAIN, ""),
    "lstm": (LSTM, "volatility features"),
    "indicators": (PRICES, "lstm"),
    "macro": (MACRO, "indicators"),
    "sentiment": (POSTS, "macro"),
    "graph": (GRAPH, "sentiment"),
    "stacking": (replace(GRAPH, stacking_sessions=750), "graph"),
    "graph alone": (replace(PRICES, use_graph=True), "indicators"),
    "stacking alone": (replace(PRICES, stacking_sessions=750), "indicators"),
    "trees": (replace(PRICES, stacking_sessions=750, use_trees=True), "stacking alone"),
    "early stopping": (
        replace(PRICES, epochs=12, validation_sessions=126, held_out_sessions=126), "indicators"
    ),
    "no dropout": (replace(PRICES, dropout=0.0), "indicators"),
    "no weight decay": (replace(PRICES, weight_decay=0.0), "indicators"),
    "no gradient clipping": (replace(PRICES, gradient_clip=0.0), "indicators"),
    "input noise": (replace(PRICES, input_noise=0.1), "indicators"),
    "window scaling": (replace(PRICES, window_scaling=True), "indicators"),
    "location head": (replace(PRICES, forecast_mean=True), "indicators"),
    "two networks": (replace(PRICES, members=2, path_weight=0.0), "indicators"),
    "one by paths": (replace(PRICES, members=2), "two networks"),
    "shape of ten years": (replace(PRICES, longest_calibration_sessions=2500), "indicators"),
    "shipped": (FusionConfig(), "indicators"),
}  # fmt: skip


@dataclass(frozen=True)
class Scored:
    """One step and year, by horizon and session: loss and share inside 90 %; and seconds of fitting."""

    loss: FloatArray  # (H, S)
    inside: FloatArray  # (H, S)
    seconds: float


def main() -> None:
    """Climb the steps that were named, or all, and print the ladder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("home", type=Path)
    parser.add_argument("--years", default="2012-2016")
    parser.add_argument("--steps", default=",".join(STEPS))
    chosen = parser.parse_args()
    first, last = (int(year) for year in chosen.years.split("-"))
    names = [name.strip() for name in chosen.steps.split(",")]
    folder = chosen.home / "ladder"
    folder.mkdir(exist_ok=True)
    with closing(open_home(chosen.home)) as db:
        newest = pipeline.resolve_session(db, None)
        panel = load_panel(db, newest, scorer=pipeline.choose_stored_scorer(db))
    features = build_features(panel)
    found: dict[str, list[Scored]] = {}
    for name in names:
        found[name] = [scored(folder, name, year, panel, features) for year in range(first, last + 1)]
        print(line(name, found), flush=True)


def scored(folder: Path, name: str, year: int, panel: Panel, features: Features) -> Scored:
    """Return a step's year, from its file where it was scored before."""
    file = folder / f"{name.replace(' ', '_')}-{year}.npz"
    if not file.exists():
        result = score_year(STEPS[name][0], year, panel, features)
        np.savez(file, loss=result.loss, inside=result.inside, seconds=result.seconds)
    with np.load(file) as kept:
        return Scored(kept["loss"], kept["inside"], float(kept["seconds"]))


def score_year(config: FusionConfig, year: int, panel: Panel, features: Features) -> Scored:
    """Fit on all sessions before a year and score the year's."""
    rows = [row for row, session in enumerate(panel.sessions) if session.startswith(str(year))]
    first, stop = rows[0], rows[-1] + 1
    start = max(0, first - config.shape_sessions(max(HORIZONS)) - PURGE)
    began = time.process_time()
    log_scale, location = shapes(config, panel, features, first, range(start, stop), config.members)
    if config.stacking_sessions:
        log_scale = stacked(config, panel, features, first, range(start, stop), log_scale)
    seconds = time.process_time() - began
    scale = features.anchor[start:stop] * np.exp(log_scale)
    old = np.cumsum(panel.present, axis=0) >= MIN_BARS
    loss, inside = np.full((3, stop - first), np.nan), np.full((3, stop - first), np.nan)
    for k, horizon in enumerate(HORIZONS):
        forward = panel.forward_returns(horizon)
        residuals = forward[start:stop] / scale[:, :, k] - location[:, :, k]
        for t in range(first, stop, REDRAW):
            end = t - horizon + 1 - start
            known = residuals[max(0, end - config.shape_sessions(horizon)) : end]
            levels = adapted_levels(known, config.adaptation_sessions, config.adaptation_rate)
            drawn = residual_quantiles(known, levels, config.own_share, config.calibration_sessions)[0]
            for row in range(t, min(t + REDRAW, stop)):
                scored_ones = np.isfinite(forward[row]) & np.isfinite(scale[row - start, :, k]) & old[row]
                if scored_ones.any():
                    shifted = drawn + location[row - start, :, k, None]
                    said = (shifted * scale[row - start, :, k, None])[scored_ones]
                    loss[k, row - first] = scored_pinball(forward[row, scored_ones], said).mean()
                    inside[k, row - first] = inside_central_range(forward[row, scored_ones], said, 0.9).mean()
    return Scored(loss, inside, seconds)


def stacked(
    config: FusionConfig, panel: Panel, features: Features, first: int, rows: range, networks: FloatArray
) -> FloatArray:
    """Mix boosted trees and GJR-GARCH in, by shares that earlier ones of all sides tell, (R, N, H)."""
    earlier = first - config.stacking_sessions
    rival = garch_log_scale(panel, features, fit_garch(panel.until(panel.sessions[earlier - 1])))
    aside = range(earlier, first)
    past = panel.until(panel.sessions[first - 1])
    columns = [panel.tickers.index(ticker) for ticker in past.tickers]
    came = np.stack([past.forward_returns(horizon) for horizon in HORIZONS], axis=2)
    grown = trees(config, panel, features, earlier, aside)
    garch_shares, tree_shares = learned_shares(
        shapes(config, panel, features, earlier, aside, 1)[0][:, columns],
        None if grown is None else grown[:, columns],
        rival[aside.start : aside.stop][:, columns],
        features.anchor[aside.start : aside.stop][:, columns],
        came[aside.start : aside.stop],
        config.stacking_trust,
    )
    garch = garch_log_scale(panel, features, fit_garch(panel.until(panel.sessions[first - 1])))
    grown = trees(config, panel, features, first, rows)
    result = networks.copy()
    for k in range(len(HORIZONS)):
        others = [(garch[rows.start : rows.stop, :, k], garch_shares[k])]
        if grown is not None:
            others.append((grown[:, :, k], tree_shares[k]))
        result[:, :, k] = mixed(networks[:, :, k], *others)
    return result


def trees(
    config: FusionConfig, panel: Panel, features: Features, before: int, rows: range
) -> FloatArray | None:
    """Grow boosted trees on the sessions before one row; return log scales of other rows, (R, N, H)."""
    if not config.use_trees:
        return None
    split = purged_split(before, config.validation_sessions, config.held_out_sessions)
    data = scale_features(features, fit_scaling(features, split.fit))
    targets = standardised_targets(panel, features.anchor, split.fit + PURGE)
    grown = fit_tree_scale(
        data, targets, panel.tickers, trees=config.trees, leaves=config.tree_leaves, seed=config.seed
    )
    return tree_log_scale(grown, data, rows)


def shapes(
    config: FusionConfig, panel: Panel, features: Features, before: int, rows: range, members: int
) -> tuple[FloatArray, FloatArray]:
    """Fit on the sessions before one row; return log scales and locations of other rows, (R, N, H) each."""
    split = purged_split(before, config.validation_sessions, config.held_out_sessions)
    graph = StockGraph(panel, features.scale, config.graph_neighbours) if config.use_graph else None
    data = scale_features(features, fit_scaling(features, split.fit), graph)
    fit_targets = all_targets(panel, features, split.fit + PURGE)
    validation_targets = all_targets(panel, features, split.validation_stop + PURGE)
    said = []
    for member in range(members):
        learned = targets_of(member, config)
        with one_thread():
            fitted = fit_network(
                data,
                fit_targets[:, :, learned],
                validation_targets[:, :, learned],
                split,
                config,
                seed=config.seed + member,
                progress=lambda *_: None,
                stage="",
            )
            said.append(run(fitted.network, data, rows, config.lookback))
    mean = np.mean(said, axis=0)  # (R, N, 2, H)
    return mean[:, :, 0], mean[:, :, 1]


def run(network: FusionNetwork, data: NetworkInput, rows: range, lookback: int) -> FloatArray:
    """Run a network over many rows, (R, N, 2, H); NaN where a ticker is not ready."""
    everyone = np.arange(len(data.ready))
    result = np.full((len(rows), len(everyone), 2, len(HORIZONS)), np.nan)
    for start in range(rows.start, rows.stop, CHUNK):
        part = range(start, min(start + CHUNK, rows.stop))
        window = slice(max(0, start - lookback), part.stop)
        macro = torch.from_numpy(data.macro[window])
        related = None if data.graph is None else data.graph.related(part, everyone, data.ready)
        with torch.no_grad():
            shape = network(
                torch.from_numpy(data.price[:, window]),
                torch.from_numpy(data.sentiment[:, window]),
                macro.expand(len(everyone), *macro.shape),
                as_neighbours(related),
            )
        for place, values in enumerate(shape):
            said = values[:, -len(part) :].transpose(0, 1).numpy()
            result[part.start - rows.start : part.stop - rows.start, :, place] = said
    result[~data.ready.T[rows.start : rows.stop]] = np.nan
    return result


def line(name: str, found: dict[str, list[Scored]]) -> str:
    """Return a step's line: losses, change against the step before with its t, coverage, seconds a fit."""
    loss = np.concatenate([year.loss for year in found[name]], axis=1)
    against = found.get(STEPS[name][1])
    cells = []
    for k, horizon in enumerate(HORIZONS):
        known = np.isfinite(loss[k])
        cell = f"{np.nanmean(loss[k]):.5f}"
        if against is not None:
            before = np.concatenate([year.loss for year in against], axis=1)[k]
            t = diebold_mariano((loss[k] - before)[known], horizon)
            cell += f" {100 * (np.nanmean(loss[k]) / np.nanmean(before) - 1):+.2f} % ({t:+.1f})"
        cells.append(f"{cell:24s}")
    held = np.nanmean(np.concatenate([year.inside for year in found[name]], axis=1), axis=1)
    seconds = np.median([year.seconds for year in found[name]])
    return (
        f"{name:22s}{''.join(cells)} held {' '.join(f'{share:.3f}' for share in held)}  {seconds:.0f} s CPU"
    )


if __name__ == "__main__":
    main()
