"""One of the product's own forecasters on the task that the peers get, in a process of its own.

    python benchmarks/peers_ours.py HOME MODEL TASK.npz ANSWER.npz

benchmarks/peers.py starts it. The fusion model, as it ships, reads bars and the earnings calendar of these
tickers; ``fusion_no_calendar`` is the same in a home without announcements.
"""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.peers_nixtla import save_answer
from desktop_app.store import open_home_reader
from fusion_model.dataset.panel import Panel, load_panel
from fusion_model.evaluation.backtest import Forecaster
from fusion_model.findings import FUSION_MODEL, HORIZONS, QUANTILE_LEVELS
from fusion_model.pipeline import forecasters

BLIND = f"{FUSION_MODEL}_no_calendar"


def main() -> None:
    """Answer one task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("home", type=Path)
    parser.add_argument("model")
    parser.add_argument("task", type=Path)
    parser.add_argument("answer", type=Path)
    chosen = parser.parse_args()
    with np.load(chosen.task) as given:
        sessions, tickers = given["sessions"].tolist(), given["tickers"].tolist()
        fit_row, origins = int(given["fit_row"]), given["origins"]
    with closing(open_home_reader(chosen.home)) as db:
        panel = load_panel(db, sessions[-1], tickers)
    if list(panel.sessions) != sessions or list(panel.tickers) != tickers:
        raise SystemExit(f"{chosen.task} was made of another home")
    if chosen.model == BLIND:
        panel = replace(panel, earnings=None)
    forecaster = forecasters()[FUSION_MODEL if chosen.model == BLIND else chosen.model]()
    quantiles, seconds = answer(forecaster, panel, fit_row, origins.tolist())
    save_answer(chosen.answer, quantiles, seconds, {"model_version": forecaster.model_version})


def answer(
    forecaster: Forecaster, panel: Panel, fit_row: int, origins: list[int]
) -> tuple[np.ndarray, dict[str, float]]:
    """Fit on the rows through one and ask at others.

    Returns quantiles (O, N, H, Q), NaN where none were said, and the seconds of both.
    """
    column = {ticker: n for n, ticker in enumerate(panel.tickers)}
    quantiles = np.full((len(origins), len(column), len(HORIZONS), len(QUANTILE_LEVELS)), np.nan)
    begun = (time.perf_counter(), time.process_time())
    past = panel.until(panel.sessions[fit_row])
    forecaster.fit(past, past.sessions)
    fitted = (time.perf_counter(), time.process_time())
    for o, origin in enumerate(origins):
        for said in forecaster.predict(panel, panel.sessions[origin]):
            quantiles[o, column[said.ticker], HORIZONS.index(said.horizon)] = said.quantiles
    asked = (time.perf_counter(), time.process_time())
    return quantiles, {
        "fit_wall": fitted[0] - begun[0],
        "fit_cpu": fitted[1] - begun[1],
        "predict_wall": asked[0] - fitted[0],
        "predict_cpu": asked[1] - fitted[1],
    }


if __name__ == "__main__":
    main()
