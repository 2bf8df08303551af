"""Claims of the walk-forward backtest: nothing later is learned from, and a kill costs nothing twice."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from collectors.errors import BadInput, StorageError
from fusion_model.dataset.panel import Panel
from fusion_model.errors import NotEnoughHistory
from fusion_model.evaluation.backtest import BacktestReport, Forecaster, panel_digest, run_backtest
from fusion_model.evaluation.backtest_part import COLUMNS, Part
from fusion_model.findings import HORIZONS, Forecast
from fusion_model.forecasting.baselines import GjrGarchFhs, PersistenceEwma, baselines
from tests.fusion_model.simulated import random_walk, with_future_corrupted

PANEL = random_walk(330, 3, seed=1)  # the last year of it is 2016
LONG = random_walk(2500, 3, seed=1)
FIRST, LAST = "2016-11-01", "2016-12-30"


class Watched(PersistenceEwma):
    """Persistence that keeps what it was asked, and can be killed."""

    def __init__(self, killed_at: str = "") -> None:
        super().__init__()
        self.killed_at = killed_at
        self.fits: list[tuple[str, str, int]] = []
        self.asked: list[str] = []

    def fit(self, panel: Panel, sessions: Sequence[str]) -> None:
        self.fits.append((panel.sessions[-1], sessions[-1], len(sessions)))
        super().fit(panel, sessions)

    def predict(self, panel: Panel, session: str) -> list[Forecast]:
        if session == self.killed_at:
            raise KeyboardInterrupt
        self.asked.append(session)
        return super().predict(panel, session)


def run(
    out: Path, *forecasters: Forecaster, panel: Panel = PANEL, first: str = FIRST, **changes: Any
) -> BacktestReport:
    made = {f"model_{letter}": lambda f=f: f for letter, f in zip("ab", forecasters, strict=False)}
    arguments: dict[str, Any] = {"first": first, "last": LAST, "refit": "never", **changes}
    return run_backtest(panel, made, out=out, **arguments)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "backtest.csv"


def test_every_fit_knows_only_sessions_before_its_first_forecast(out: Path) -> None:
    watched = Watched()
    run(out, watched, first="2016-06-15", refit="quarterly")
    assert [fit[:2] for fit in watched.fits] == [
        ("2016-06-14", "2016-06-14"),
        ("2016-06-30", "2016-06-30"),
        ("2016-09-30", "2016-09-30"),
    ]
    assert watched.asked == [s for s in PANEL.sessions if s >= "2016-06-15"]


@pytest.mark.parametrize(("refit", "fits"), [("never", 1), ("yearly", 2), ("quarterly", 3)])
def test_refitting_follows_the_calendar(out: Path, refit: str, fits: int) -> None:
    watched = Watched()
    run(out, watched, panel=random_walk(500, 2), first="2015-11-02", last="2016-05-31", refit=refit)
    assert len(watched.fits) == fits


def test_rows_stand_in_the_order_and_form_of_the_architecture(out: Path) -> None:
    report = run(out, Watched(), Watched(), first="2016-12-28")
    text = out.read_bytes().decode()
    rows = rows_of(out)
    assert text.startswith(",".join(COLUMNS) + "\r\n")
    assert text.endswith("\r\n")
    keys = [(r["model"], r["as_of_session"], r["ticker"], int(r["horizon"])) for r in rows]
    assert keys == sorted(keys)
    assert len(keys) == report.rows == 2 * 3 * 3 * len(HORIZONS)
    figures = (c for c in COLUMNS if c.startswith("q") or c in ("mean", "prob_up"))
    assert all(len(rows[0][column].split(".")[1]) == 8 for column in figures)
    assert "-0.00000000" not in text
    assert report == BacktestReport(out, ("model_a", "model_b"), 3, 54, computed=6, resumed=0)


def test_realised_is_what_came_and_empty_while_it_is_future(out: Path) -> None:
    run(out, Watched(), first="2016-12-01")
    one_day = {r["as_of_session"]: r for r in rows_of(out) if r["ticker"] == "T001" and r["horizon"] == "1"}
    close = PANEL.ohlcv[:, 1, 3]
    row = PANEL.position("2016-12-01")
    assert float(one_day["2016-12-01"]["realised"]) == pytest.approx(
        np.log(close[row + 1] / close[row]), abs=1e-8
    )
    assert one_day["2016-12-01"]["target_session"] == "2016-12-02"
    assert one_day["2016-12-30"]["realised"] == ""
    assert sum(r["realised"] == "" for r in rows_of(out)) == 3 * (1 + 5 + 20)


def test_tickers_and_horizons_narrow_what_is_written_not_what_is_learned(out: Path) -> None:
    watched = Watched()
    run(out, watched, first="2016-12-29", tickers=["T002"], horizons=(5,))
    assert [(r["ticker"], r["horizon"]) for r in rows_of(out)] == [("T002", "5")] * 2
    everything = out.with_name("all.csv")
    run(everything, Watched(), first="2016-12-29")
    assert rows_of(out) == [r for r in rows_of(everything) if r["ticker"] == "T002" and r["horizon"] == "5"]


def test_a_killed_run_goes_on_and_gives_the_same_bytes(out: Path) -> None:
    whole = out.with_name("whole.csv")
    run(whole, Watched(), Watched(), refit="quarterly")
    with pytest.raises(KeyboardInterrupt):
        run(out, Watched(), Watched(killed_at="2016-12-01"), refit="quarterly")
    assert not out.exists()
    first, second = Watched(), Watched()
    report = run(out, first, second, refit="quarterly")
    assert out.read_bytes() == whole.read_bytes()
    assert (first.asked, first.fits) == ([], [])
    assert second.asked == [s for s in PANEL.sessions if s >= "2016-12-01"]
    assert (report.resumed, report.computed) == (42 + 21, 21)
    assert sorted(path.name for path in out.parent.iterdir()) == ["backtest.csv", "whole.csv"]


@pytest.mark.parametrize("torn", [b'{"model": "model_a", "sess', b'{"lines": [], "model"', b"\x00\xff"])
def test_a_line_that_a_kill_cut_short_is_computed_again(out: Path, torn: bytes) -> None:
    whole = out.with_name("whole.csv")
    run(whole, Watched())
    with pytest.raises(KeyboardInterrupt):
        run(out, Watched(killed_at="2016-11-10"))
    part = out.with_name(out.name + ".part")
    part.write_bytes(part.read_bytes() + torn)
    run(out, Watched())
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"first": "2016-11-02"},
        {"tickers": ["T000"]},
        {"horizons": (1,)},
        {"refit": "yearly"},
        {"panel": with_future_corrupted(PANEL, "2016-12-28")},
    ],
)
def test_another_run_starts_anew(out: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(out, Watched(killed_at="2016-12-01"))
    watched = Watched()
    assert run(out, watched, **changes).resumed == 0
    assert watched.asked[0] == changes.get("first", FIRST)


def test_another_configuration_of_a_model_starts_anew(out: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(out, Watched(killed_at="2016-12-01"))
    other = Watched()
    other.model_version = "2"
    assert run(out, other).resumed == 0


def test_the_part_is_kept_while_a_session_at_a_time_is_finished(out: Path) -> None:
    part = out.with_name(out.name + ".part")
    seen: list[int] = []

    def progress(stage: str, done: int, total: int, message: str = "") -> None:
        assert (stage, total) == ("backtest", 3)
        seen.append(done)
        assert len(part.read_bytes().splitlines()) == 1 + done

    run(out, Watched(), first="2016-12-28", progress=progress)
    assert seen == [0, 1, 2, 3]


def test_every_baseline_goes_through_with_the_same_bytes_twice(out: Path) -> None:
    again = out.with_name("again.csv")
    for path in (out, again):
        run_backtest(PANEL, baselines(), first="2016-12-20", last=LAST, refit="never", out=path)
    assert out.read_bytes() == again.read_bytes()
    assert {r["model"] for r in rows_of(out)} == set(baselines())


def test_what_was_forecast_stays_when_the_future_turns_out_otherwise(out: Path) -> None:
    other = out.with_name("other.csv")
    spans: dict[str, Any] = {"first": "2016-12-12", "last": "2016-12-16", "refit": "never"}
    run_backtest(PANEL, baselines(), out=out, **spans)
    run_backtest(with_future_corrupted(PANEL, "2016-12-16"), baselines(), out=other, **spans)
    without = [[{**row, "realised": ""} for row in rows_of(path)] for path in (out, other)]
    assert without[0] == without[1]
    assert rows_of(out) != rows_of(other)


def test_a_digest_names_everything_a_forecaster_reads() -> None:
    changed = [
        replace(PANEL, ohlcv=PANEL.ohlcv + 1e-9),
        replace(PANEL, sentiment=np.zeros_like(PANEL.sentiment)),
        replace(PANEL, tickers=("A", "B", "C")),
        replace(PANEL, scorer="compact"),
        replace(PANEL, macro=np.zeros((330, 1, 2)), macro_series=("DGS10",)),
        replace(PANEL, earnings=np.ones((*PANEL.present.shape, 4))),
        replace(PANEL, sectors=("Energy",) * len(PANEL.tickers)),
        replace(PANEL, co_mentions=np.array([[0, 0, 1, 1]])),
    ]
    digests = {panel_digest(panel) for panel in [PANEL, *changed]}
    assert len(digests) == 1 + len(changed)
    assert panel_digest(replace(PANEL, sentiment=-PANEL.sentiment)) == panel_digest(PANEL)  # NaN has no sign


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"tickers": ["T000", "XX"]}, BadInput, "for XX; import"),
        ({"tickers": []}, BadInput, "at least one ticker"),
        ({"horizons": (2,)}, BadInput, "1, 5 and 20 sessions, not 2"),
        ({"first": "2017-01-03", "last": "2017-02-01"}, BadInput, "to 2016-12-30"),
        ({"first": "1990-01-02"}, NotEnoughHistory, "start the backtest later"),
    ],
)
def test_a_backtest_that_cannot_be_is_refused_and_leaves_nothing(
    out: Path, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(out, Watched(), **changes)
    assert list(out.parent.iterdir()) == []


def test_nowhere_to_write_is_said_before_any_work(tmp_path: Path) -> None:
    watched = Watched()
    with pytest.raises(BadInput, match="does not exist"):
        run(tmp_path / "missing" / "backtest.csv", watched)
    with pytest.raises(BadInput, match="is a folder"):
        run(tmp_path, watched)
    with pytest.raises(BadInput, match="at least one model"):
        run(tmp_path / "backtest.csv")
    assert watched.asked == []


def test_a_full_disk_keeps_what_is_finished(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Part._write

    def fill_up(part: Part, record: bytes) -> None:
        if b"2016-12-30" in record[:60]:
            write(part, record[:100])
            raise OSError(28, "No space left on device")
        write(part, record)

    with monkeypatch.context() as full:
        full.setattr(Part, "_write", fill_up)
        with pytest.raises(StorageError, match=r"No space left.*same command again"):
            run(out, Watched(), first="2016-12-28")
    assert run(out, Watched(), first="2016-12-28").resumed == 2


def test_what_a_forecaster_cannot_read_is_not_blamed_on_the_result(out: Path) -> None:
    """Every OSError was once told as a full disk, though a model's own file was missing."""

    class WithoutItsFile(Watched):
        def fit(self, panel: Panel, sessions: Sequence[str]) -> None:
            Path("weights-that-are-not-there").read_bytes()

    with pytest.raises(FileNotFoundError, match="weights-that-are-not-there"):
        run(out, WithoutItsFile())


def test_an_error_of_a_model_names_it_and_its_fold(out: Path) -> None:
    class TooYoung(Watched):
        def fit(self, panel: Panel, sessions: Sequence[str]) -> None:
            raise NotEnoughHistory("a decade is needed")

    with pytest.raises(NotEnoughHistory, match=r"^model_a, fitted as of 2016-10-31: a decade is needed$"):
        run(out, TooYoung())


def test_a_bar_that_came_between_two_runs_changes_outcomes_and_costs_nothing(out: Path) -> None:
    """A part was once thrown away each time the daily collection had added a session."""
    whole, shorter = out.with_name("whole.csv"), PANEL.until("2016-12-20")
    span = {"last": "2016-12-16"}
    run(whole, Watched(), **span)
    with pytest.raises(KeyboardInterrupt):
        run(out, Watched(killed_at="2016-12-16"), panel=shorter, **span)
    again = Watched()
    run(out, again, **span)
    assert again.asked == ["2016-12-16"]
    assert out.read_bytes() == whole.read_bytes()


def test_the_part_of_another_run_waits_until_it_is_asked_for_again(out: Path) -> None:
    """It was once overwritten."""
    with pytest.raises(KeyboardInterrupt):
        run(out, Watched(killed_at="2016-12-01"))
    other = run(out, Watched(), horizons=(1,))
    assert other.put_aside is not None
    assert other.put_aside.name.startswith("backtest.csv.part-")
    again = Watched()
    report = run(out, again)
    assert (report.put_aside, report.resumed, again.asked[0]) == (None, 21, "2016-12-01")
    assert list(out.parent.iterdir()) == [out]


def test_a_forecaster_that_answers_nan_or_another_session_is_a_defect(out: Path) -> None:
    def broken(change: dict[str, Any]) -> Callable[[], Forecaster]:
        class Broken(PersistenceEwma):
            def predict(self, panel: Panel, session: str) -> list[Forecast]:
                return [replace(f, **change) for f in super().predict(panel, session)]

        return Broken

    for change, message in (({"mean": float("nan")}, "NaN"), ({"as_of_session": "2016-01-04"}, "answered")):
        with pytest.raises(ValueError, match=message):
            run(out, broken(change)(), first="2016-12-28")


def test_the_part_names_the_run_in_its_first_line(out: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(out, Watched(killed_at="2016-11-10"))
    header = json.loads(out.with_name(out.name + ".part").read_bytes().splitlines()[0])["backtest"]
    assert header["sessions"] == ["2016-11-01", "2016-12-30"]
    assert header["panel"] == panel_digest(PANEL)


def test_the_number_of_threads_of_linear_algebra_changes_no_byte(out: Path) -> None:
    """GJR-GARCH's estimates once changed with the number of cores."""
    written = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            models = {"garch": GjrGarchFhs}
            run_backtest(LONG, models, first="2016-12-29", last=LAST, refit="never", out=out)
        written.append(out.read_bytes())
    assert written[0] == written[1]
