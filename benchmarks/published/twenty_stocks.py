"""Twenty stocks through 2017-2022, one day ahead: whose quantiles of the log return are best?

    python benchmarks/published/twenty_stocks.py [SP500_DATASET.csv.gz] [--json] [--seed 7]

The closes are those that skfolio carries (BSD-3). The backtest is the
product's own, refitted yearly, with its default configuration, on closes alone: no ranges, volumes, posts,
macro figures or reports. Some six minutes on one core.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.published.closes import FIRST, LAST, closes_argument, read_closes, require_closes
from benchmarks.published.report import Report, publish, say
from fusion_model.evaluation.backtest import run_backtest
from fusion_model.evaluation.scorecard import read_backtest, score
from fusion_model.forecasting.baselines import baselines
from fusion_model.forecasting.fusion_forecaster import FusionForecaster
from fusion_model.forecasting.fusion_network import FusionConfig

# What an independent run of the same table measured; "network" is a pooled multi-scale volatility network.
REFERENCE = {
    "historical simulation": 0.38304,
    "EWMA + filtered historical simulation": 0.37141,
    "GARCH-t": 0.36998,
    "GJR-GARCH-t": 0.36927,
    "network": 0.36687,
}


def main() -> None:
    """Print the table."""
    chosen = closes_argument(__doc__).parse_args()
    require_closes(chosen.data)
    panel = read_closes(chosen.data)
    report = Report(
        f"{len(panel.tickers)} stocks, closes alone, one session ahead, targets 2017-01-03 .. 2022-12-28",
        {"pinball %": 5, "fusion's lead %": 2, "t": 1, "50 %": 1, "90 %": 1, "from": 0},
    )
    for name, loss in REFERENCE.items():
        report.add(name, {"pinball %": loss, "from": "reference"})
    config = FusionConfig(seed=chosen.seed)
    makers = {**baselines(), "fusion": lambda: FusionForecaster(config)}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "backtest.csv"
        run_backtest(
            panel, makers, first=FIRST, last=LAST, refit="yearly", horizons=(1,), out=out, progress=say
        )
        rows = score(read_backtest(out))
    own = {row.baseline: row for row in rows if row.model == "fusion"}
    for row in sorted((row for row in rows if row.model == row.baseline), key=lambda row: -row.pinball):
        beside = own[row.model]
        report.add(
            row.model,
            {
                "pinball %": row.pinball,
                "fusion's lead %": None if row.model == "fusion" else 100 * beside.skill,
                "t": None if row.model == "fusion" else beside.dm_t,
                "50 %": 100 * row.coverage_50,
                "90 %": 100 * row.coverage_90,
            },
        )
    report.notes = [
        f"{own['fusion'].forecasts:,} forecasts on {own['fusion'].sessions:,} sessions. 15-level pinball",
        "loss of log returns in percent; t: Diebold-Mariano on session means, below zero where",
        "fusion is better; 50 % and 90 %: what those ranges held.",
    ]
    publish([report], chosen.json)


if __name__ == "__main__":
    main()
