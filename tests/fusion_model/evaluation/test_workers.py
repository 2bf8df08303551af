"""Claims of the workers: whoever computes a backtest, the bytes are the same, and a death is told."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from collectors.errors import ConfigurationError
from collectors.progress import Progress, silent
from fusion_model.dataset.panel import Panel
from fusion_model.errors import NotEnoughHistory, WorkerLost
from fusion_model.evaluation import workers
from fusion_model.evaluation.backtest import BacktestReport, Forecaster, run_backtest
from fusion_model.evaluation.fold_jobs import Hire, Workers, nobody
from fusion_model.evaluation.workers import cluster_workers, local_workers
from fusion_model.findings import Forecast
from fusion_model.forecasting.baselines import GjrGarchFhs, PersistenceEwma
from tests.fusion_model.simulated import random_walk

PANEL = random_walk(400, 3, seed=1)  # the last year of it is 2016
PANEL.ohlcv[:80, 2] = np.nan  # has a year of returns in the midst of the backtest
MODELS: Mapping[str, Callable[[], Forecaster]] = {"garch": GjrGarchFhs, "persistence": PersistenceEwma}
TWO = partial(local_workers, 2)


class Failing(PersistenceEwma):
    """Persistence to which something happens at a session."""

    def __init__(self, at: str, happens: Callable[[], object]) -> None:
        super().__init__()
        self.at, self.happens = at, happens

    def predict(self, panel: Panel, session: str) -> list[Forecast]:
        if session == self.at:
            self.happens()
        return super().predict(panel, session)


class Counted(PersistenceEwma):
    """Persistence that counts its fits, in a process with the test."""

    fits = 0

    def fit(self, panel: Panel, sessions: Sequence[str]) -> None:
        Counted.fits += 1
        super().fit(panel, sessions)


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def too_young() -> None:
    raise NotEnoughHistory("a decade is needed")


def broken() -> None:
    raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "a defect")


def run(
    out: Path,
    hire: Hire = nobody,
    models: Mapping[str, Callable[[], Forecaster]] = MODELS,
    progress: Progress = silent,
) -> BacktestReport:
    span = {"first": "2016-08-15", "last": "2016-12-30"}  # 97 sessions in two folds
    return run_backtest(PANEL, models, refit="quarterly", out=out, hire=hire, progress=progress, **span)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("here") / "backtest.csv"
    run(out)
    return out.read_bytes()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "backtest.csv"


@contextmanager
def threads(jobs: int) -> Iterator[Workers]:
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        yield Workers((one, other))


def test_two_processes_give_the_bytes_of_this_one_and_tell_of_every_session(
    out: Path, expected: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[int] = []

    def progress(stage: str, done: int, total: int, message: str = "") -> None:
        assert (stage, total) == ("backtest", 194)
        told.append(done)

    report = run(out, TWO, progress=progress)
    assert out.read_bytes() == expected
    assert (report.computed, report.resumed) == (194, 0)
    assert sorted(set(told)) == list(range(195))
    assert "garch, fitted as of 2016-08-12: GJR-GARCH was fitted before T002 had" in caplog.text


def test_a_dask_cluster_of_two_worker_processes_gives_the_same_bytes(out: Path, expected: bytes) -> None:
    from distributed import LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as dask,
        cluster_workers(dask.scheduler_address) as hire,
    ):
        run(out, hire)
    assert out.read_bytes() == expected


def test_chunks_of_a_fold_meet_the_fit_of_the_first(out: Path) -> None:
    Counted.fits = 0
    run(out, threads, {"a": Counted, "b": Counted})
    assert Counted.fits == 4


KILLED_IN_THE_MIDDLE = """
import os, signal, sys
from functools import partial
from pathlib import Path
from fusion_model.evaluation.workers import local_workers
from tests.fusion_model.evaluation.test_workers import run

def progress(stage, done, total, message=""):
    if done == 60:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    run(Path(sys.argv[1]), partial(local_workers, 2), progress=progress)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_run_takes_its_workers_along_and_goes_on_with_any_number(
    out: Path, expected: bytes, tmp_path: Path
) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED_IN_THE_MIDDLE)
    folder = tmp_path / "temporary"
    folder.mkdir()
    # The pipe ends when the last of those who hold it does: a worker left behind would be waited for.
    result = subprocess.run(
        [sys.executable, str(script), str(out)],
        capture_output=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "TMPDIR": str(folder)},
    )
    assert result.returncode == -signal.SIGKILL, result.stderr
    assert list(folder.iterdir()) == []
    report = run(out)
    assert report.resumed == 60
    assert out.read_bytes() == expected


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_the_death_of_a_worker_is_told_with_its_fold_and_costs_a_chunk(out: Path, expected: bytes) -> None:
    with pytest.raises(WorkerLost, match=r"computed persistence, fitted as of 2016-09-30.*finished sessions"):
        run(out, TWO, {**MODELS, "persistence": partial(Failing, "2016-12-01", killed)})
    assert multiprocessing.active_children() == []  # the other one, in the midst of its work
    report = run(out)
    assert 40 <= report.resumed < 194
    assert out.read_bytes() == expected


@pytest.mark.parametrize(
    ("happens", "error", "message"),
    [
        (too_young, NotEnoughHistory, r"^b, fitted as of 2016-09-30: a decade is needed$"),
        (broken, RuntimeError, r"^b, fitted as of 2016-09-30: UnicodeDecodeError: .* a defect$"),
    ],
)
def test_an_error_in_a_worker_comes_back_named(
    out: Path, happens: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(out, threads, {"a": PersistenceEwma, "b": partial(Failing, "2016-10-03", happens)})


def test_a_single_job_needs_no_worker() -> None:
    with local_workers(4, 1) as alone:
        assert alone.executors == ()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "127.0.0.1", "tcp://host:port"])
def test_a_cluster_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(workers, "CONNECT_S", 0.2)
    with (
        pytest.raises(ConfigurationError, match=f"^no Dask scheduler answers at {address} within"),
        cluster_workers(address),
    ):
        pass


def test_a_cluster_of_another_version_or_without_workers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import LocalCluster

    with LocalCluster(n_workers=0, processes=False, protocol="tcp://", dashboard_address=":0") as dask:
        with (
            pytest.raises(ConfigurationError, match="has no workers"),
            cluster_workers(dask.scheduler_address),
        ):
            pass
        versions = iter(["2.0", "1.0"])  # ours, and that of the scheduler, which is a thread here
        monkeypatch.setattr(workers, "version", lambda name: next(versions))
        with (
            pytest.raises(ConfigurationError, match=r"runs Barograph 1.0, expected 2.0"),
            cluster_workers(dask.scheduler_address),
        ):
            pass


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigurationError, match=r'pip install "barograph\[cluster\]"'), cluster_workers("x"):
        pass
