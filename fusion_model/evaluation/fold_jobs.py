"""One model on one fold of a backtest: fitted, and asked session by session."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from threadpoolctl import threadpool_limits

from collectors.errors import CollectorError
from fusion_model.dataset.panel import Panel
from fusion_model.errors import FusionModelError
from fusion_model.findings import Forecast

if TYPE_CHECKING:
    from fusion_model.evaluation.backtest import Forecaster

Lines: TypeAlias = list[str]  # of one session, by ticker and horizon: a row of the CSV without its outcome


@dataclass(frozen=True, slots=True)
class FoldJob:
    """What there is to do: a model by what makes a fresh one, and the sessions to forecast."""

    model: str
    make: Callable[[], Forecaster]
    fit_through: str
    sessions: tuple[str, ...]
    tickers: frozenset[str] | None
    horizons: frozenset[int]

    def __str__(self) -> str:
        return f"{self.model}, fitted as of {self.fit_through}"


def compute(
    panel: Panel, jobs: Sequence[FoldJob], begun: Callable[[FoldJob], None]
) -> Iterator[tuple[FoldJob, str, Lines]]:
    """Yield what each model says of each session.

    Raises
    ------
    FusionModelError, CollectorError
        What a forecaster raised, with its model and fold named.
    """
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
