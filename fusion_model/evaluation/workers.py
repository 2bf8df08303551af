"""Who computes the folds of a backtest: processes of this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import mmap
import multiprocessing
import os
import pickle
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from collectors.errors import ConfigurationError, StorageError
from fusion_model.dataset.panel import Panel
from fusion_model.errors import WorkerLost
from fusion_model.evaluation.fold_jobs import Hire, Workers

if TYPE_CHECKING:
    from distributed import Client

# A worker is one core's work: libraries that would start a thread a core are told so before they load.
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
ALIGNMENT = 64  # bytes, of each array in the file: as numpy's own allocation, or better
CONNECT_S = 5.0


# Processes of this machine ------------------------------------------------------------------------


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def local_workers(at_most: int, jobs: int) -> Iterator[Workers]:
    """Run worker processes, one a job and not more than wanted; for a single one, this process will do.

    They are started afresh (spawn), so whatever a job names must be importable; they end with this process,
    however it ends. Where the body fails or is interrupted, they are stopped in the midst of their work.

    Raises
    ------
    WorkerLost
        They could not be started.
    """
    if min(at_most, jobs) < 2:
        yield Workers()
        return
    others = multiprocessing.active_children()
    context = multiprocessing.get_context("spawn")
    pools = [ProcessPoolExecutor(1, context, initializer=_begin) for _ in range(min(at_most, jobs))]
    with TemporaryDirectory(prefix="barograph-", ignore_cleanup_errors=True) as folder:
        try:
            _start(pools)
            yield Workers(pools, partial(_share, pools, Path(folder)))
        except BaseException:
            for child in multiprocessing.active_children():
                if child not in others:
                    child.terminate()
            raise
        finally:
            for pool in pools:
                pool.shutdown(cancel_futures=True)


def _start(pools: Sequence[Executor]) -> None:
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        for started in [pool.submit(os.getpid) for pool in pools]:
            started.result()
    except BrokenExecutor as error:
        raise WorkerLost(
            "the worker processes could not be started (standard error says why); use one worker"
        ) from error
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _begin() -> None:
    """In a worker: leave Ctrl+C to the process that started it, and end when that one does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


# A panel in a file --------------------------------------------------------------------------------
# It is mapped by every worker, so that its arrays are in memory once. The file has no name any more
# when they have it open (but on Windows, which keeps it until the end): a kill leaves nothing behind.

_adopted: dict[str, Panel] = {}


@dataclass(frozen=True, slots=True)
class _StandIn:
    """Arrives in a worker, by unpickling, as the panel that was adopted there."""

    key: str

    def __reduce__(self) -> tuple[Callable[[str], Panel], tuple[str]]:
        return _adopted_panel, (self.key,)


def _adopted_panel(key: str) -> Panel:
    return _adopted[key]


def _share(pools: Sequence[Executor], folder: Path, panel: Panel) -> object:
    key, file = uuid4().hex, folder / "panel"
    arrays: list[pickle.PickleBuffer] = []
    frame = pickle.dumps(panel, protocol=5, buffer_callback=arrays.append)
    spans = []
    try:
        with file.open("wb") as target:
            target.write(b"\0")  # a file without a byte can't be mapped
            for array in arrays:
                target.seek(-target.tell() % ALIGNMENT, os.SEEK_CUR)
                start = target.tell()
                target.write(array.raw())
                spans.append((start, target.tell()))
            target.truncate()
    except OSError as error:
        raise StorageError(
            f"the panel could not be written into {folder.parent} ({error}); make room there, point TMPDIR "
            "elsewhere, or use one worker"
        ) from error
    for taken in [pool.submit(_adopt, key, file, frame, spans) for pool in pools]:
        taken.result()
    shutil.rmtree(folder, ignore_errors=True)
    return _StandIn(key)


def _adopt(key: str, file: Path, frame: bytes, spans: Sequence[tuple[int, int]]) -> None:
    """In a worker: map the arrays of a panel, read only."""
    with file.open("rb") as source:
        whole = memoryview(mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ))
    _adopted[key] = pickle.loads(frame, buffers=[whole[start:stop] for start, stop in spans])  # noqa: S301  ours


# A Dask cluster -----------------------------------------------------------------------------------


@contextmanager
def cluster_workers(address: str) -> Iterator[Hire]:
    """Connect to a Dask scheduler; its workers are hired all, a fold at a time each.

    A worker process computes one fold, however many threads it has. Where one dies its fold is fitted
    anew by another, as Dask does; work under way goes on there when this process is stopped.

    Raises
    ------
    ConfigurationError
        Dask is not installed, the address is not answered, or the workers can't run this program.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise ConfigurationError(
            'a cluster is spoken to by Dask, which is not installed: pip install "barograph[cluster]"'
        ) from error
    try:
        _check_address(address)  # Client leaves a thread behind where it can't read one
        client = Client(address, timeout=CONNECT_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"no Dask scheduler answers at {address} within {CONNECT_S:.0f} seconds; expected one like "
            "tcp://192.168.1.10:8786, as `dask scheduler` prints it"
        ) from error
    with client:
        yield partial(_hired, client, _able_workers(client, address))


def _check_address(address: str) -> None:
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    if not parts.hostname or not parts.port:  # reading a port that is none raises ValueError
        raise ValueError("no host and port")


def _able_workers(client: Client, address: str) -> list[str]:
    ours = _version()
    try:  # the scheduler too: it reads what it hands on
        scheduler: str = client.run_on_scheduler(_version)  # type: ignore[no-untyped-call]
        theirs: dict[str, str] = client.run(_version)
    except Exception as error:  # whatever one without our modules says
        raise ConfigurationError(
            f"the scheduler or a worker of {address} can't run Barograph ({type(error).__name__}: {error}); "
            f"install version {ours} where they run"
        ) from error
    for where, found in {address: scheduler, **theirs}.items():
        if found != ours:
            raise ConfigurationError(
                f"{where} runs Barograph {found}, expected {ours} as here; install it there"
            )
    if not theirs:
        raise ConfigurationError(
            f"the cluster at {address} has no workers; start some with "
            f"`dask worker {address} --nworkers CORES --nthreads 1`"
        )
    return sorted(theirs)


def _version() -> str:
    return version("barograph")


@contextmanager
def _hired(client: Client, addresses: Sequence[str], jobs: int) -> Iterator[Workers]:
    from distributed import KilledWorker

    executors: list[Any] = [
        client.get_executor(  # type: ignore[no-untyped-call]
            workers=[address], allow_other_workers=True, pure=False
        )
        for address in addresses[:jobs]
    ]
    # Dask keeps a copy with each worker, and puts it in the place of the future that is handed on.
    share = partial(client.scatter, broadcast=True, hash=False)
    yield Workers(executors, share, (KilledWorker, CancelledError, OSError))
