"""Peers of other libraries side by side with ours: the same stocks, origins, horizons and machine.

    python -m venv DIR && DIR/bin/pip install 'neuralforecast==3.3.0' 'statsforecast==2.1.1'
    python benchmarks/peers.py HOME --environment DIR [--span test] [--run fusion,lstm:own] [--json]

HOME holds prices and, for ours, the earnings calendar. DIR is an environment of the peers alone (the extra
`peers` names their versions), since they pin versions of their own. Each model is fitted and asked in a
process of its own on one thread; finished answers are kept in HOME/peers (remove it to ask anew). All become
rows of a backtest's CSV, and are scored by the product's scorecard on the rows that all have.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.peers_nixtla import SETTINGS
from benchmarks.peers_ours import BLIND
from benchmarks.published.report import Cell, Report, publish
from collectors.store import last_session
from desktop_app.store import open_home_reader
from fusion_model.dataset.panel import FloatArray, Panel, load_panel
from fusion_model.distribution import as_forecasts, moments_from_quantiles, probability_of_rise
from fusion_model.evaluation.backtest_part import COLUMNS
from fusion_model.evaluation.fold_jobs import figure
from fusion_model.evaluation.scorecard import SHARES, BacktestTable, read_backtest, score
from fusion_model.findings import FUSION_MODEL, HORIZONS, QUANTILE_LEVELS, ScoreRow

ROOT = Path(__file__).resolve().parent.parent
OURS, NIXTLA = (ROOT / "benchmarks" / name for name in ("peers_ours.py", "peers_nixtla.py"))
EVERY_TICKER = 4  # in alphabetical order
MIN_RETURNS = 1250  # before the first forecast: five years
SPANS = {  # first and last origin, sessions from one to the next
    "development": ("2015-01-02", "2016-12-30", 5),
    "test": ("2018-01-02", "2019-12-31", 1),
}
OURS = (FUSION_MODEL, BLIND, "gjr_garch_fhs")
TAKEN = {  # of each peer the setting with the least loss on the development span
    "lstm": "own", "nhits": "mixed", "tft": "mixed", "auto_ets": "500", "garch": "500",
}  # fmt: skip
COSTS = {"fit_cpu": "time to fit", "predict_cpu": "time to forecast", "peak_mb": "memory"}
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


@dataclass(frozen=True)
class Answered:
    """What a model said, quantiles (O, N, H, Q), what it cost, and its notes."""

    name: str
    quantiles: FloatArray
    costs: dict[str, float]
    notes: dict[str, object]


def main() -> None:
    """Ask who was named, or all, and print the tables of those that are finished."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("home", type=Path)
    parser.add_argument("--environment", type=Path, required=True, help="where the peers are installed")
    parser.add_argument("--span", choices=sorted(SPANS), default="test")
    parser.add_argument(
        "--run", default="", help="models, peers as NAME or NAME:SETTING; default: the table's"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    chosen = parser.parse_args()
    home, environment = chosen.home.absolute(), chosen.environment.absolute()
    names = [name for name in chosen.run.split(",") if name] or [*OURS, *TAKEN]
    first, last, every = SPANS[chosen.span]
    with closing(open_home_reader(home)) as db:
        newest = last_session(db)
        if newest is None:
            raise SystemExit(f"no prices are stored in {home}")
        everyone = load_panel(db, newest)
        tickers = old_enough(everyone, everyone.tickers[::EVERY_TICKER], first, last)
        panel = load_panel(db, newest, tickers)
    task = task_of(panel, first, last, every)
    folder = home / "peers" / chosen.span
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "task.npz").exists() or _digest(folder / "task.npz") != task_digest(task):
        np.savez_compressed(folder / "task.npz", **task)
    answers = [asked(name, home, environment, folder, task) for name in names]
    rows = folder / "rows.csv"
    write_rows(rows, panel, task["origins"].tolist(), answers)
    reports = tables(read_backtest(rows), answers)
    publish(reports, as_json=chosen.json)


def old_enough(panel: Panel, tickers: Sequence[str], first: str, last: str) -> list[str]:
    """Return those that have a bar in every session of a span, and MIN_RETURNS returns before it."""
    span = [row for row, session in enumerate(panel.sessions) if first <= session <= last]
    if not span or span[0] == 0:
        raise SystemExit(f"the record holds too little around {first} .. {last}")
    present, known = panel.present[span].all(axis=0), np.isfinite(panel.log_returns[: span[0]]).sum(axis=0)
    column = {ticker: n for n, ticker in enumerate(panel.tickers)}
    kept = [t for t in tickers if present[column[t]] and known[column[t]] >= MIN_RETURNS]
    if not kept:
        raise SystemExit(f"no ticker has {MIN_RETURNS} returns before {first}")
    return kept


def task_of(panel: Panel, first: str, last: str, every: int) -> dict[str, np.ndarray]:
    """Return what every model is given; nothing after row ``fit_row`` is known in training."""
    rows = [row for row, session in enumerate(panel.sessions) if first <= session <= last]
    return {
        "returns": panel.log_returns,
        "fit_row": np.array(rows[0] - 1),
        "origins": np.array(rows[::every]),
        "levels": np.array(QUANTILE_LEVELS),
        "horizons": np.array(HORIZONS),
        "sessions": np.array(panel.sessions),
        "tickers": np.array(panel.tickers),
    }


def task_digest(task: dict[str, np.ndarray]) -> str:
    """Return a digest of everything that a model is given."""
    digest = hashlib.sha256()
    for name in sorted(task):
        digest.update(name.encode() + np.ascontiguousarray(task[name]).tobytes())
    return digest.hexdigest()


def _digest(path: Path) -> str:
    with np.load(path) as given:
        return task_digest({name: given[name] for name in given.files})


def kept_answer(folder: Path, peer: str, setting: str, task: dict[str, np.ndarray]) -> Path:
    """Return where a model's answer to a task is kept: another file for another state of its program."""
    sources = [NIXTLA] if peer in SETTINGS else [OURS, *sorted((ROOT / "fusion_model").rglob("*.py"))]
    digest = hashlib.sha256(task_digest(task).encode())
    for source in sources:
        digest.update(source.read_bytes())
    return folder / f"{peer}{'-' + setting if setting else ''}-{digest.hexdigest()[:8]}.npz"


def asked(name: str, home: Path, environment: Path, folder: Path, task: dict[str, np.ndarray]) -> Answered:
    """Return a model's answer to a task: the one that is kept, or a new one by a process of its own."""
    peer, _, setting = name.partition(":")
    if peer in SETTINGS:
        setting = setting or TAKEN[peer]
        name = f"{peer}:{setting}" if setting != TAKEN[peer] else peer
    path = kept_answer(folder, peer, setting, task)
    if not path.exists():
        if peer in SETTINGS:
            program = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
            if not program.exists():
                print(
                    f"skipped: {program} is not here; make it as this file's first lines say", file=sys.stderr
                )
                raise SystemExit(3)
            command = [program, NIXTLA, peer, setting]
        else:
            command = [sys.executable, "-m", "benchmarks.peers_ours", home, peer]
        print(f"{name} ...", file=sys.stderr, flush=True)
        subprocess.run(
            [*map(str, command), str(folder / "task.npz"), str(path)],
            check=True,
            cwd=ROOT,
            env={**os.environ, **ONE_THREAD},
            stdout=sys.stderr,
        )
    with np.load(path) as kept:
        return Answered(
            name, kept["quantiles"], json.loads(str(kept["costs"])), json.loads(str(kept["notes"]))
        )


def write_rows(path: Path, panel: Panel, origins: Sequence[int], answers: Sequence[Answered]) -> None:
    """Write answers as a backtest's CSV; a ticker that a model left out at an origin has no row there.

    Mean and chance of a rise are those that the quantiles imply.
    """
    came = [panel.forward_returns(horizon) for horizon in HORIZONS]
    with path.open("w", encoding="utf-8", newline="") as out:
        out.write(",".join(COLUMNS) + "\r\n")
        for answer in answers:
            for o, origin in enumerate(origins):
                for k, horizon in enumerate(HORIZONS):
                    said = answer.quantiles[o, :, k]
                    out.writelines(_lines(answer.name, panel, origin, horizon, said, came[k][origin]))


def _lines(
    name: str, panel: Panel, origin: int, horizon: int, said: FloatArray, came: FloatArray
) -> Iterator[str]:
    """Yield the rows of one model, session and horizon; ``said`` is (N, Q), ``came`` (N,)."""
    columns = np.flatnonzero(np.isfinite(said).all(axis=1))
    mean, volatility = moments_from_quantiles(said[columns])
    forecasts = as_forecasts(
        panel, panel.sessions[origin], columns.tolist(), horizon, said[columns],
        mean=mean, prob_up=probability_of_rise(said[columns]), volatility=volatility,
        model=name, model_version="",
    )  # fmt: skip
    for column, one in zip(columns, forecasts, strict=True):
        figures = ",".join(figure(value) for value in (*one.quantiles, one.mean, one.prob_up))
        outcome = "" if np.isnan(came[column]) else figure(came[column])
        yield (
            f"{name},{one.ticker},{one.as_of_session},{horizon},{one.target_session},"
            f"{one.last_close:.6f},{figures},{outcome}\r\n"
        )


def tables(table: BacktestTable, answers: Sequence[Answered]) -> list[Report]:
    """Return a table a horizon, one of costs, and what each of ours is not ahead in."""
    names = [answer.name for answer in answers]
    ours = [name for name in (FUSION_MODEL, BLIND) if name in names]
    scored = {subject: score(table, subject) for subject in ours or names[:1]}
    subject = next(iter(scored))
    reports = []
    for horizon in HORIZONS:
        own = {
            row.model: row for row in scored[subject] if row.horizon == horizon and row.model == row.baseline
        }
        one = own[subject]
        report = Report(
            f"{horizon} session{'s' * (horizon > 1)} ahead, {one.first_session} .. {one.last_session}: "
            f"{one.forecasts:,} forecasts on {one.sessions} sessions",
            {
                "pinball %": 5,
                **{f"{against} is, %": 2 for against in scored},
                **{f"t of {against}": 1 for against in scored},
                **{f"{share:.0%}": 1 for share in SHARES},
            },
        )
        for name, row in sorted(own.items(), key=lambda item: item[1].pinball):
            cells: dict[str, Cell] = {"pinball %": row.pinball}
            for against, rows in scored.items():
                beside = next(r for r in rows if (r.model, r.baseline, r.horizon) == (against, name, horizon))
                if against != name:
                    cells[f"{against} is, %"] = -100 * beside.skill
                    cells[f"t of {against}"] = None if np.isnan(beside.dm_t) else beside.dm_t
            cells |= {f"{share:.0%}": 100 * held for share, held in zip(SHARES, covered(row), strict=True)}
            report.add(name, cells)
        reports.append(report)
    reports.append(costs(answers))
    for against in ours:
        reports[-1].notes += behind(against, scored[against], answers)
    return reports


def costs(answers: Sequence[Answered]) -> Report:
    """Return the table of what each model took."""
    report = Report(
        "Cost: seconds of one thread's processor time (and by the clock), largest resident memory",
        {"fit s": 1, "(clock)": 1, "forecast s": 1, "(clock) ": 1, "peak MB": 0},
    )
    for answer in answers:
        took = answer.costs
        report.add(
            answer.name,
            {
                "fit s": took["fit_cpu"], "(clock)": took["fit_wall"], "forecast s": took["predict_cpu"],
                "(clock) ": took["predict_wall"], "peak MB": took["peak_mb"],
            },
        )  # fmt: skip
        for horizon, curve in dict(answer.notes.get("curves", {})).items():  # type: ignore[call-overload]
            losses = " ".join(f"{step}: {loss:.4f}" for step, loss in curve)
            report.notes.append(f"{answer.name}, horizon {horizon}, validation loss by step: {losses}")
        if "versions" in answer.notes:
            report.notes.append(f"{answer.name}: {answer.notes['versions']}")
    return report


def covered(row: ScoreRow) -> tuple[float, float, float, float]:
    """Return what the 50, 80, 90 and 95 % ranges held."""
    return row.coverage_50, row.coverage_80, row.coverage_90, row.coverage_95


def behind(subject: str, rows: Sequence[ScoreRow], answers: Sequence[Answered]) -> list[str]:
    """Return a sentence on every column in which another model is ahead of ``subject``.

    In coverage the one nearer to what its range promises is ahead.
    """
    peers = [a for a in answers if a.name != subject and not a.name.startswith(FUSION_MODEL)]
    said = []
    for horizon in sorted({row.horizon for row in rows}):
        own = {r.model: r for r in rows if r.horizon == horizon and r.model == r.baseline}
        mine = own[subject]
        better = [a.name for a in peers if own[a.name].pinball < mine.pinball]
        said += [f"{subject}, horizon {horizon}: lower pinball: {', '.join(better)}"] if better else []
        for place, share in enumerate(SHARES):
            nearer = [
                a.name
                for a in peers
                if abs(covered(own[a.name])[place] - share) < abs(covered(mine)[place] - share)
            ]
            if nearer:
                said.append(f"{subject}, horizon {horizon}: nearer to {share:.0%}: {', '.join(nearer)}")
    took = {a.name: a.costs for a in answers}
    for name, words in COSTS.items():
        cheaper = [a.name for a in peers if took[a.name][name] < took[subject][name]]
        said += [f"{subject}: less {words}: {', '.join(cheaper)}"] if cheaper else []
    return said


if __name__ == "__main__":
    main()
