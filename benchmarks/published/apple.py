"""Apple's close of the next day, 2017-2022, through the crash of 2020: what R2 = .998 is worth.

    python benchmarks/published/apple.py [SP500_DATASET.csv.gz] [--json] [--seed 7]

Studies forecast the price itself, by an LSTM that reads 60 days of it and its moving averages, and report
MAPE, R2 and RMSE. The table puts "tomorrow = today" beside that, older prices too, and the product's
median, all learned before 2017. Closes as in twenty_stocks.py. Some two minutes on one core.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.published.closes import FIRST, LAST, closes_argument, read_closes, require_closes
from benchmarks.published.report import Cell, Report, publish, say
from fusion_model.dataset.panel import CLOSE, FloatArray, Panel
from fusion_model.evaluation.metrics import direction_counts, sign_hits
from fusion_model.evaluation.significance import diebold_mariano
from fusion_model.findings import QUANTILE_LEVELS
from fusion_model.forecasting.fusion_forecaster import FusionForecaster
from fusion_model.forecasting.fusion_network import FusionConfig
from fusion_model.forecasting.training import one_thread

TICKER = "AAPL"
LEARNED_FROM = "2010-01-04"  # of the price LSTM: seven years
LOOKBACK = 60
AVERAGES = (10, 20, 50)
UNITS, EPOCHS, BATCH, LEARNING_RATE = 32, 30, 64, 2e-3
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Span:
    """Closes of one stock, and the rows whose close is foretold from the row before."""

    closes: FloatArray  # (T,)
    rows: Rows  # (M,)

    @property
    def came(self) -> FloatArray:
        return self.closes[self.rows]

    @property
    def before(self) -> FloatArray:
        return self.closes[self.rows - 1]

    def row(self, foretold: FloatArray) -> dict[str, Cell]:
        """Return the errors of foretold closes (M,), and their t against "tomorrow = today"."""
        came, before = self.came, self.before
        error, still = foretold - came, before - came
        counts = direction_counts(came - before, np.where(foretold > before, 1.0, 0.0)).sum(axis=0)
        row: dict[str, Cell] = {
            "MAPE %": float(100 * np.mean(np.abs(error) / came)),
            "R2": r_squared(came, foretold),
            "RMSE": float(np.sqrt(np.mean(error**2))),
            "R2 of change": r_squared(came - before, foretold - before),
        }
        if np.any(foretold != before):
            row["t"] = diebold_mariano((np.abs(error) - np.abs(still)) / came, 1)
            row["direction %"] = float(100 * sign_hits(counts))
        return row


def r_squared(came: FloatArray, foretold: FloatArray) -> float:
    """Return 1 less the squared error in units of the variance around the mean of what came."""
    return float(1 - np.sum((came - foretold) ** 2) / np.sum((came - came.mean()) ** 2))


def price_lstm(closes: FloatArray, rows: Rows, first: int, scale_rows: slice, seed: int) -> FloatArray:
    """Return closes foretold by an LSTM on prices and their moving averages, as such studies build it.

    Parameters
    ----------
    closes : ndarray (T,)
    rows : ndarray (M,)
        Whose closes are foretold; the network learns from the rows between ``first`` and the first of them.
    scale_rows : slice
        Rows whose least and greatest value become 0 and 1: those of training, or all, which leaks.
    """
    levels = np.column_stack([closes, *(trailing_mean(closes, span) for span in AVERAGES)])  # (T, F)
    low, high = levels[scale_rows].min(axis=0), levels[scale_rows].max(axis=0)
    scaled = ((levels - low) / (high - low)).astype(np.float32)

    def windows(targets: Rows) -> torch.Tensor:
        return torch.from_numpy(scaled[targets[:, None] - np.arange(LOOKBACK, 0, -1)])  # (M, L, F)

    learned = np.arange(first, rows[0])
    torch.manual_seed(seed)
    lstm, head = nn.LSTM(scaled.shape[1], UNITS, batch_first=True), nn.Linear(UNITS, 1)
    optimiser = torch.optim.Adam([*lstm.parameters(), *head.parameters()], lr=LEARNING_RATE)
    inputs, target = windows(learned), torch.from_numpy(scaled[learned, 0])
    order = torch.Generator().manual_seed(seed)
    with one_thread():
        for epoch in range(EPOCHS):
            for batch in torch.split(torch.randperm(len(learned), generator=order), BATCH):
                said = head(lstm(inputs[batch])[0][:, -1])[:, 0]
                loss = nn.functional.mse_loss(said, target[batch])
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            say("price LSTM", epoch + 1, EPOCHS)
        with torch.no_grad():
            foretold = head(lstm(windows(rows))[0][:, -1])[:, 0].numpy()
    return np.asarray(low[0] + foretold.astype(float) * (high[0] - low[0]))


def trailing_mean(values: FloatArray, span: int) -> FloatArray:
    """Return the mean of the last ``span`` values, of fewer at the start."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    stop = np.arange(1, len(values) + 1)
    start = np.maximum(stop - span, 0)
    return np.asarray((total[stop] - total[start]) / (stop - start))


def fusion_median(panel: Panel, rows: Rows, seed: int) -> FloatArray:
    """Return the closes (M,) that the product's median foretells, fitted once before the first of them."""
    learned = panel.sessions[: rows[0]]
    forecaster = FusionForecaster(FusionConfig(seed=seed), progress=say)
    forecaster.fit(panel.until(learned[-1]), learned)
    middle = QUANTILE_LEVELS.index(0.5)
    return np.array(
        [
            forecast.last_close * np.exp(forecast.quantiles[middle])
            for row in rows
            for forecast in forecaster.predict(panel, panel.sessions[row - 1])
            if forecast.ticker == TICKER and forecast.horizon == 1
        ]
    )


def main() -> None:
    """Print the table."""
    chosen = closes_argument(__doc__).parse_args()
    require_closes(chosen.data)
    panel = read_closes(chosen.data)
    closes = panel.ohlcv[:, panel.tickers.index(TICKER), CLOSE]
    rows = np.arange(panel.position(FIRST) + 1, panel.position(LAST) + 2)
    span = Span(closes, rows)
    report = Report(
        f"Apple, adjusted close of the next session, {len(rows):,} sessions, "
        f"{panel.sessions[rows[0]]} .. {panel.sessions[rows[-1]]}",
        {"MAPE %": 3, "R2": 4, "RMSE": 3, "R2 of change": 4, "t": 1, "direction %": 1},
    )
    report.add("tomorrow = today", span.row(span.before))
    for lag in (5, 20):
        report.add(f"the close of {lag} sessions ago", span.row(closes[rows - lag]))
    report.add(
        "today, and the mean rise before 2017", span.row(span.before * np.exp(_drift(closes, rows[0])))
    )
    report.add("fusion's median", span.row(fusion_median(panel, rows, chosen.seed)))
    first = panel.position(LEARNED_FROM)
    honest = price_lstm(closes, rows, first, slice(first, rows[0]), chosen.seed)
    report.add("price LSTM + averages, scaled on training", span.row(honest))
    leaky = price_lstm(closes, rows, first, slice(first, rows[-1] + 1), chosen.seed)
    report.add("price LSTM + averages, scaled on all (LEAK)", span.row(leaky))
    report.notes = [
        "R2 of change: the share of the day's change that was foretold. t: Diebold-Mariano of absolute",
        'percentage errors against "tomorrow = today", positive where it is worse. The closes are',
        "adjusted as of 2022-12: RMSE is in those dollars.",
    ]
    publish([report], chosen.json)


def _drift(closes: FloatArray, stop: int) -> float:
    """Return the mean log return of the rows before ``stop``."""
    return float(np.diff(np.log(closes[:stop])).mean())


if __name__ == "__main__":
    main()
