"""One long walk-forward backtest, read as the bars are set: by span and year, with tests of the tails.

    python benchmarks/walk.py BACKTEST.csv [BACKTEST.csv ...] [--min-forecasts 254]

The files may hold a model each; only forecasts count that all models made. Where a ticker's forecasts begin
after the first session of the file, the first --min-forecasts of them are left out: with the year of returns
that a baseline waits for, a ticker counts from 504 days of history on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from fusion_model.evaluation.metrics import inside_central_range, rank_correlations, scored_pinball
from fusion_model.evaluation.significance import diebold_mariano, kupiec, median_block_interval
from fusion_model.evaluation.standard_error import lags_of
from fusion_model.findings import FUSION_MODEL, HORIZONS, QUANTILE_LEVELS, QUANTILE_NAMES

SPANS = {
    "2012-2016 (development)": ("2012", "2017"),
    "2017-2021 (test)": ("2017", "2022"),
    "2012-2021": ("2012", "2022"),
    "2020": ("2020", "2021"),
}
SHARES = (0.5, 0.8, 0.9, 0.95)
RIVAL = "gjr_garch_fhs"
KEY = ["as_of_session", "ticker"]


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--min-forecasts", type=int, default=254)
    chosen = parser.parse_args()
    columns = ["model", "horizon", *KEY, *QUANTILE_NAMES, "mean", "realised"]
    text = dict.fromkeys(["model", *KEY], "category")
    frame = pd.concat(
        [pd.read_csv(file, usecols=columns, dtype=text) for file in chosen.files], ignore_index=True
    )
    for name in text:
        frame[name] = frame[name].astype(str).astype("category")
    for horizon in HORIZONS:
        report(
            frame[(frame["horizon"] == horizon) & frame["realised"].notna()], horizon, chosen.min_forecasts
        )


def report(frame: pd.DataFrame, horizon: int, least: int) -> None:
    """Print one horizon."""
    models = [FUSION_MODEL, *sorted(set(frame["model"].astype(str)) - {FUSION_MODEL})]
    parts = {
        model: frame[frame["model"] == model].set_index(KEY).sort_index() for model in models
    }  # of each model its rows
    shared = parts[models[0]].index
    for part in parts.values():
        shared = shared.intersection(part.index)
    shared = _old_enough(shared, least)
    rows = {model: part.loc[shared] for model, part in parts.items()}
    sessions = shared.get_level_values(0).astype(str).to_numpy()
    loss = {
        model: scored_pinball(part["realised"], part[list(QUANTILE_NAMES)]) for model, part in rows.items()
    }
    ours = rows[FUSION_MODEL]
    quantiles, came = ours[list(QUANTILE_NAMES)].to_numpy(), ours["realised"].to_numpy()
    print(f"\n== {horizon} session{'s' * (horizon > 1)}: {len(shared):,} forecasts of each model")
    print(f"crossing quantiles: {int((np.diff(quantiles, axis=1) < 0).any(axis=1).sum())}")
    for span, (first, stop) in SPANS.items():
        inside = (sessions >= first) & (sessions < stop)
        held = [100 * inside_central_range(came[inside], quantiles[inside], share).mean() for share in SHARES]
        print(f"{span}: 50 / 80 / 90 / 95 % ranges held {' / '.join(f'{share:.1f}' for share in held)} %")
        for model in sorted(models, key=lambda name: loss[name][inside].mean()):
            print(f"  {model:24s}{_against(loss, model, inside, sessions, horizon)}")
    print("year: fusion against the best baseline, and against GJR-GARCH + filtered historical simulation")
    for year in sorted({session[:4] for session in sessions}):
        inside = np.array([session[:4] == year for session in sessions])
        best = min(models[1:], key=lambda name: loss[name][inside].mean())
        lead = [
            100 * (loss[FUSION_MODEL][inside].mean() / loss[name][inside].mean() - 1)
            for name in (best, RIVAL)
        ]
        print(f"  {year}  {lead[0]:+.2f} % ({best})  {lead[1]:+.2f} %")
    if horizon == 1:
        _tails(came, quantiles, shared.get_level_values(1).astype(str).to_numpy(), sessions)
    _, place = np.unique(sessions, return_inverse=True)
    inside = sessions >= SPANS["2017-2021 (test)"][0]
    daily = rank_correlations(
        np.unique(place[inside], return_inverse=True)[1], ours["mean"].to_numpy()[inside], came[inside]
    )
    daily = daily[np.isfinite(daily)]
    low, high = median_block_interval(daily, block=lags_of(horizon), seed=0)
    print(f"rank IC of the mean, test: median {np.median(daily):+.4f} [{low:+.4f}, {high:+.4f}]")


def _old_enough(shared: pd.MultiIndex, least: int) -> pd.MultiIndex:
    """Leave out a young ticker's first rows."""
    table = shared.to_frame(index=False).astype(str)
    first = table["as_of_session"].min()
    table = table.sort_values(["ticker", "as_of_session"])
    nth = table.groupby("ticker").cumcount()
    young = table.groupby("ticker")["as_of_session"].transform("min") > first
    kept = table[~young | (nth >= least)].sort_values(KEY)
    return pd.MultiIndex.from_frame(kept[KEY])


def _against(
    loss: dict[str, np.ndarray], model: str, inside: np.ndarray, sessions: np.ndarray, horizon: int
) -> str:
    mine, other = loss[FUSION_MODEL][inside], loss[model][inside]
    if model == FUSION_MODEL:
        return f"{mine.mean():.5f}"
    _, place = np.unique(sessions[inside], return_inverse=True)
    daily = np.bincount(place, mine - other) / np.bincount(place)
    change = 100 * (mine.mean() / other.mean() - 1)
    return f"{other.mean():.5f}  fusion {change:+.2f} % (t {diebold_mariano(daily, horizon):+.1f})"


def _tails(came: np.ndarray, quantiles: np.ndarray, tickers: np.ndarray, sessions: np.ndarray) -> None:
    inside = sessions >= SPANS["2017-2021 (test)"][0]
    for level in (0.01, 0.05):
        beyond = came < quantiles[:, QUANTILE_LEVELS.index(level)]
        passed = [
            kupiec(int(beyond[own].sum()), int(own.sum()), level).p_value > p
            for own in (inside & (tickers == ticker) for ticker in np.unique(tickers))
            for p in (0.05, 0.01)
            if own.sum() >= 250
        ]
        share = np.array(passed).reshape(-1, 2).mean(axis=0)
        print(
            f"Kupiec on losses beyond the {level:.0%} quantile, test: {beyond[inside].mean():.2%} came; "
            f"{share[0]:.1%} of {len(passed) // 2} tickers pass at 5 %, {share[1]:.1%} at 1 %"
        )


if __name__ == "__main__":
    main()
