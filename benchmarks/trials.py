"""Repeat the development trials of docs/forecasting.md with the product's own backtest, beside the baselines.

    python benchmarks/trials.py HOME [TRIAL ...] [--from 2012-01-03] [--to 2016-12-30]

HOME holds prices (`barograph --home HOME import prices ../shared/data/prices/us_daily`). Some minutes a
trial on one core; `ladder.py` answers for a part in less. Finished trials are kept in HOME/trials.
"""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path

from desktop_app.store import open_home
from fusion_model import pipeline
from fusion_model.evaluation.scorecard import read_backtest, score, scorecard_text
from fusion_model.forecasting.baselines import baselines
from fusion_model.forecasting.fusion_network import FusionConfig

TRIALS: dict[str, FusionConfig] = {
    "shipped": FusionConfig(),
    "one_seed": FusionConfig(members=1),
    "macro": FusionConfig(use_macro=True),
    "sentiment": FusionConfig(use_sentiment=True),
    "graph": FusionConfig(use_graph=True),
    "not_stacked": FusionConfig(stacking_sessions=0),
    "early_stopping": FusionConfig(epochs=12, validation_sessions=126, held_out_sessions=126),
    "slow": FusionConfig(learning_rate=2e-3, epochs=10),
    "small": FusionConfig(hidden=16),
    "pooled_shape": FusionConfig(own_share=0.0),
    "short_memory": FusionConfig(calibration_sessions=500, longest_calibration_sessions=500),
    "shape_of_four_years": FusionConfig(longest_calibration_sessions=1000),
    "returns_alone": FusionConfig(path_weight=0.0),
    "not_adaptive": FusionConfig(adaptation_rate=0.0),
    "more_adaptive": FusionConfig(adaptation_rate=0.005),
}


def main() -> None:
    """Run the trials that were named, or all, and print their scorecard."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("home", type=Path)
    parser.add_argument("trials", nargs="*", default=list(TRIALS))
    parser.add_argument("--from", dest="first", default="2012-01-03")
    parser.add_argument("--to", dest="last", default="2016-12-30")
    chosen = parser.parse_args()
    folder = chosen.home / "trials"
    folder.mkdir(exist_ok=True)
    files = []
    with closing(open_home(chosen.home)) as db:
        for name in [*chosen.trials, *baselines()]:
            files.append(folder / f"{name}-{chosen.first}-{chosen.last}.csv")
            if not files[-1].exists():
                pipeline.backtest(
                    db,
                    first=chosen.first,
                    last=chosen.last,
                    out=files[-1],
                    models=["fusion" if name in TRIALS else name],
                    refit="yearly",
                    config=TRIALS.get(name),
                )
            print(f"{name} is done", flush=True)
    together = folder / "together.csv"
    with together.open("w", encoding="utf-8", newline="") as out:
        for position, (name, file) in enumerate(zip([*chosen.trials, *baselines()], files, strict=True)):
            with file.open(encoding="utf-8", newline="") as rows:
                header = next(rows)
                if position == 0:
                    out.write(header)
                out.writelines(name + row[row.index(",") :] for row in rows)
    print(scorecard_text(score(read_backtest(together), chosen.trials[0])))


if __name__ == "__main__":
    main()
