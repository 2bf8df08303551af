"""One model on one fold of a backtest: computed in this process, or by workers, to the same lines.

A worker is an executor of its own, so that a fold stays where it was fitted while its sessions come back
in chunks; a kill then costs a chunk and the fits under way, and one that dies is known by its fold.
"""

from __future__ import annotations

import logging
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import uuid4

from threadpoolctl import threadpool_limits

from collectors.errors import CollectorError
from fusion_model.dataset.panel import Panel
from fusion_model.errors import FusionModelError, WorkerLost
from fusion_model.findings import Forecast

if TYPE_CHECKING:
    from fusion_model.evaluation.backtest import Forecaster

CHUNK = 10  # sessions that come back from a worker at once, and are kept: some seconds of work

Lines: TypeAlias = list[str]  # of one session, by ticker and horizon: a row of the CSV without its outcome


@dataclass(frozen=True, slots=True)
class FoldJob:
    """What travels to a worker: a model by what makes a fresh one, and the sessions to forecast."""

    model: str
    make: Callable[[], Forecaster]
    fit_through: str
    sessions: tuple[str, ...]
    tickers: frozenset[str] | None
    horizons: frozenset[int]

    def __str__(self) -> str:
        return f"{self.model}, fitted as of {self.fit_through}"


@dataclass(frozen=True, slots=True)
class Workers:
    """Who computes folds; without executors this process does.

    Attributes
    ----------
    executors : sequence of Executor
        Of one worker each. What they run and return is pickled, unless they are threads.
    share : callable
        Makes a panel reachable from every worker, once; what it returns is handed to the executors and
        arrives in a worker as the panel, the same object each time.
    lost : tuple of exception types
        What a future raises whose worker is gone.
    """

    executors: Sequence[Executor] = ()
    share: Callable[[Panel], Any] = lambda panel: panel
    lost: tuple[type[BaseException], ...] = (BrokenExecutor, CancelledError)


Hire: TypeAlias = Callable[[int], AbstractContextManager[Workers]]  # given how many jobs there are


def nobody(jobs: int) -> AbstractContextManager[Workers]:  # noqa: ARG001  as everyone who hires
    """Hire no worker."""
    return nullcontext(Workers())


def compute(
    panel: Panel, jobs: Sequence[FoldJob], workers: Workers, begun: Callable[[FoldJob], None]
) -> Iterator[tuple[FoldJob, str, Lines]]:
    """Yield what each model says of each session, in whatever order it is finished.

    Raises
    ------
    WorkerLost
        A worker ended before its answer came.
    FusionModelError, CollectorError
        What a forecaster raised, with its model and fold named.
    RuntimeError
        Anything else that failed in a worker: a defect.
    """
    if workers.executors:
        yield from _by_workers(panel, jobs, workers, begun)
        return
    for job in jobs:
        begun(job)
        fold = _Fitted(panel, job)
        with one_thread():
            for session in job.sessions:
                yield job, session, fold.lines(session)


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep the linear algebra loaded so far on one thread: how many add up a sum changes its last digits.

    (On GJR-GARCH's estimates they changed a quantile by up to .00002, with the number of cores.)
    """
    with threadpool_limits(limits=1):
        yield


class _Fitted:
    """A fold whose forecaster has learned."""

    def __init__(self, panel: Panel, job: FoldJob) -> None:
        self._panel, self._job = panel, job
        self._forecaster = job.make()
        with _named(job), one_thread():
            cut = panel.until(job.fit_through)
            self._forecaster.fit(cut, cut.sessions)

    def lines(self, session: str) -> Lines:
        with _named(self._job):
            said = self._forecaster.predict(self._panel, session)
        job = self._job
        wanted = [
            forecast
            for forecast in said
            if (job.tickers is None or forecast.ticker in job.tickers) and forecast.horizon in job.horizons
        ]
        wanted.sort(key=lambda forecast: (forecast.ticker, forecast.horizon))
        return [_line(job.model, session, forecast) for forecast in wanted]


@contextmanager
def _named(job: FoldJob) -> Iterator[None]:
    """Let an error of ours say which model and fold it is about."""
    try:
        yield
    except (CollectorError, FusionModelError) as error:
        raise type(error)(f"{job}: {error}") from error


def _line(model: str, session: str, forecast: Forecast) -> str:
    if forecast.as_of_session != session:
        raise ValueError(f"{model} was asked for {session} and answered {forecast.as_of_session}")
    figures = (*forecast.quantiles, forecast.mean, forecast.prob_up)
    return (
        f"{model},{forecast.ticker},{session},{forecast.horizon},{forecast.target_session},"
        f"{forecast.last_close:.6f},{','.join(map(figure, figures))}"
    )


def figure(value: float) -> str:
    """Write a log return or a probability as the CSV has it."""
    if value != value:
        raise ValueError("a forecaster said NaN")
    return f"{round(value, 8) + 0.0:.8f}"  # adding zero takes the sign from -0


# By workers ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Order:
    """A chunk of a fold: in its slot the worker finds the fit that the chunk before has left there."""

    slot: int  # of this executor, among all of the run: threads of one process have one each
    run: str
    job: FoldJob
    sessions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    sessions: Mapping[str, Lines]
    logged: Sequence[tuple[str, int, str]]  # logger, level, message


_bench: dict[int, tuple[tuple[str, str, str], _Fitted]] = {}  # in a worker, by slot


def _by_workers(
    panel: Panel, jobs: Sequence[FoldJob], workers: Workers, begun: Callable[[FoldJob], None]
) -> Iterator[tuple[FoldJob, str, Lines]]:
    run, waiting = uuid4().hex, deque(jobs)
    running: dict[Future[_Answer], tuple[int, FoldJob, tuple[str, ...]]] = {}
    with _present(workers, "took the panel"):
        shared = workers.share(panel)

    def submit(slot: int, job: FoldJob, sessions: tuple[str, ...]) -> None:
        order = _Order(slot, run, job, sessions[:CHUNK])
        with _present(workers, f"computed {job}"):
            running[workers.executors[slot].submit(_answer, shared, order)] = (slot, job, sessions)

    def begin_next(slot: int) -> None:
        if waiting:
            job = waiting.popleft()
            begun(job)
            submit(slot, job, job.sessions)

    for slot in range(len(workers.executors)):
        begin_next(slot)
    while running:
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            slot, job, sessions = running.pop(future)
            with _present(workers, f"computed {job}"):
                answer = future.result()
            if len(sessions) > CHUNK:
                submit(slot, job, sessions[CHUNK:])
            else:
                begin_next(slot)
            for name, level, message in answer.logged:
                logging.getLogger(name).log(level, "%s: %s", job, message)
            for session, lines in answer.sessions.items():
                yield job, session, lines


@contextmanager
def _present(workers: Workers, doing: str) -> Iterator[None]:
    try:
        yield
    except workers.lost as error:
        raise WorkerLost(
            f"a worker ended while it {doing} ({type(error).__name__}: it was killed, or memory ran out); "
            "finished sessions are kept: run the same command again, with fewer workers where memory is short"
        ) from error


def _answer(panel: Panel, order: _Order) -> _Answer:
    """In a worker: forecast a chunk, with the fit that lies in the slot or a new one."""
    job, key = order.job, (order.run, order.job.model, order.job.fit_through)
    with _collected() as logged:
        try:
            kept, fold = _bench.pop(order.slot, (None, None))
            if fold is None or kept != key:
                fold = _Fitted(panel, job)
            with one_thread():
                sessions = {session: fold.lines(session) for session in order.sessions}
        except (CollectorError, FusionModelError):
            raise
        except Exception as error:  # one of a library's may not survive the way back
            raise RuntimeError(f"{job}: {type(error).__name__}: {error}") from error
    if order.sessions[-1] != job.sessions[-1]:
        _bench[order.slot] = (key, fold)
    return _Answer(sessions, logged)


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.logged: list[tuple[str, int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.logged.append((record.name, record.levelno, record.getMessage()))


@contextmanager
def _collected() -> Iterator[list[tuple[str, int, str]]]:
    """Collect what is logged in a process that has no log of its own."""
    collector = _Collector()
    if multiprocessing.parent_process() is None:
        yield collector.logged
        return
    root = logging.getLogger()
    root.addHandler(collector)
    try:
        yield collector.logged
    finally:
        root.removeHandler(collector)
