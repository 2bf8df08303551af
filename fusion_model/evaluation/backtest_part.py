"""Finished sessions of a backtest on disk, so that a kill costs little, and the result made of them."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from collectors.errors import StorageError
from fusion_model.dataset.panel import Panel
from fusion_model.evaluation.fold_jobs import figure
from fusion_model.findings import QUANTILE_NAMES

logger = logging.getLogger(__name__)

LAYOUT = 2  # of the part file; another number starts anew
COLUMNS = (
    "model", "ticker", "as_of_session", "horizon", "target_session", "last_close",
    *QUANTILE_NAMES, "mean", "prob_up", "realised",
)  # fmt: skip


@dataclass
class Part:
    """Finished sessions: a first line that names the run, then a JSON line per model and session.

    What came is not among them: it is read from the panel when the result is written, so that a bar
    that came meanwhile changes an outcome and costs no work.
    """

    out: Path
    identity: Mapping[str, object]
    finished: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)  # offset, bytes
    put_aside: Path | None = None  # the part of another run that lay here

    @property
    def path(self) -> Path:
        return self.out.with_name(self.out.name + ".part")

    def __enter__(self) -> Part:
        named = {"layout": LAYOUT, **self.identity}
        header = json.dumps({"backtest": named}, sort_keys=True).encode() + b"\n"
        with self._storage():
            whole = self._read(header)
            self._file = self.path.open("r+b" if whole else "w+b")
            if whole:
                logger.info("Going on with %s: %d sessions are finished", self.path, len(self.finished))
                self._file.truncate(whole)  # a line that a kill cut short
                self._file.seek(whole)
            else:
                self._write(header)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, model: str, session: str, lines: Sequence[str]) -> None:
        """Keep the lines of one session; the death of this process can't take them any more."""
        record = json.dumps({"model": model, "session": session, "lines": lines}).encode() + b"\n"
        with self._storage():
            offset = self._file.tell()
            self._write(record)
        self.finished[model, session] = (offset, len(record))

    def publish(self, panel: Panel) -> int:
        """Write the result aside, put it in place and remove the part; return its rows."""
        aside, rows = self.out.with_name(self.out.name + ".new"), 0
        outcomes = _Outcomes(panel)
        with self._storage():
            with aside.open("w", encoding="utf-8", newline="") as result:
                result.write(",".join(COLUMNS) + "\r\n")
                for key in sorted(self.finished):
                    offset, size = self.finished[key]
                    self._file.seek(offset)
                    lines = json.loads(self._file.read(size))["lines"]
                    result.writelines(f"{line},{outcomes.of(line)}\r\n" for line in lines)
                    rows += len(lines)
                result.flush()
                os.fsync(result.fileno())
            aside.replace(self.out)
            self._file.close()
            self.path.unlink()
        return rows

    def _read(self, header: bytes) -> int:
        """Index the whole records of a part of this very run; return where they end, 0 without one."""
        found = self._first_line()
        if found != header and found.endswith(b"\n"):
            self.put_aside = self.path.replace(self._aside(found))
            logger.warning("%s belonged to another backtest: it is %s now", self.path, self.put_aside.name)
        if not self.path.exists() and self._aside(header).exists():
            self._aside(header).replace(self.path)
        if self._first_line() != header:
            return 0
        with self.path.open("rb") as part:
            return self._index(len(part.readline()), part)

    def _first_line(self) -> bytes:
        if not self.path.exists():
            return b""
        with self.path.open("rb") as part:
            return part.readline()

    def _aside(self, header: bytes) -> Path:
        """Where a part waits until its own backtest is asked for again."""
        return self.path.with_name(f"{self.path.name}-{hashlib.sha256(header).hexdigest()[:8]}")

    def _index(self, end: int, records: Iterator[bytes]) -> int:
        for line in records:
            try:
                record = json.loads(line)
            except ValueError:
                break
            if not line.endswith(b"\n"):
                break
            self.finished[record["model"], record["session"]] = (end, len(line))
            end += len(line)
        return end

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._file.flush()

    @contextmanager
    def _storage(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"{self.out} could not be written ({error.strerror or error}); finished sessions are kept, "
                "so make room or choose another folder and run the same command again"
            ) from error


class _Outcomes:
    """What came of a forecast, as far as a panel knows."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._columns = {ticker: n for n, ticker in enumerate(panel.tickers)}
        self._rows = {session: t for t, session in enumerate(panel.sessions)}
        self._returns: dict[str, np.ndarray[tuple[int, int], np.dtype[np.float64]]] = {}

    def of(self, line: str) -> str:
        """Return the last column of a row; empty while it is in the future."""
        _, ticker, session, horizon, _ = line.split(",", 4)
        if horizon not in self._returns:
            self._returns[horizon] = self._panel.forward_returns(int(horizon))
        came = float(self._returns[horizon][self._rows[session], self._columns[ticker]])
        return "" if np.isnan(came) else figure(came)
