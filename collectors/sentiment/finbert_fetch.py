"""Fetch FinBERT from the Hugging Face hub: the only place that ever downloads a model."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from collectors.errors import ConfigurationError, RetryLater, SourceChanged, StorageError
from collectors.progress import Progress, silent
from collectors.sentiment.finbert import (
    FETCH_COMMAND,
    ORIGIN_FILE,
    REPOSITORY,
    REVISION,
    file_checksums,
    file_sha256,
)
from collectors.sentiment.installed import FOLDER

logger = logging.getLogger(__name__)

# One set of weights and the vocabulary, about 438 MB; the repository also has them for two other frameworks.
WANTED = (
    "config.json",
    "pytorch_model.bin",
    "special_tokens_map.json",
    "tokenizer_config.json",
    "vocab.txt",
)
REQUIRED = ("config.json", "pytorch_model.bin", "vocab.txt")
STAGE = "fetch finbert"


def fetch_finbert(models_dir: Path, *, progress: Progress = silent, endpoint: str | None = None) -> Path:
    """Fetch the pinned FinBERT into ``models_dir`` and return its folder; nothing happens if it is there.

    The files arrive in a folder beside it, which a later call continues, and are checked against the
    checksums of the hub; the folder gets its name last, so that one that can be seen is complete.
    ``progress`` counts bytes. ``endpoint`` is a mirror of the hub.

    Raises
    ------
    RetryLater
        The hub cannot be reached, is busy, or the connection broke: the same call goes on from there.
    SourceChanged
        The hub no longer has this revision or one of its files, or a file is not what the hub listed.
    ConfigurationError
        Offline mode is switched on (HF_HUB_OFFLINE), or the folder cannot be written.
    """
    folder = models_dir / FOLDER
    if folder.exists():
        logger.info("FinBERT is at %s already", folder)
        return folder
    partial = models_dir / f"{FOLDER}.partial"
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # its retries are told once, at the end
    with _hub_errors(partial):
        partial.mkdir(parents=True, exist_ok=True)
        listed = _list_files(endpoint)
        _download(partial, sum(file.size for file in listed.values()), progress, endpoint)
        for name, file in listed.items():
            _check(partial / name, file)
        shutil.rmtree(partial / ".cache", ignore_errors=True)
        origin = {"repository": REPOSITORY, "revision": REVISION, "sha256": file_checksums(partial)}
        (partial / ORIGIN_FILE).write_text(json.dumps(origin, indent=1) + "\n", "utf-8")
        partial.rename(folder)
    logger.info("Fetched %s revision %s into %s", REPOSITORY, REVISION, folder)
    return folder


def _list_files(endpoint: str | None) -> dict[str, Any]:
    """Return what the hub says of the wanted files: size and checksum."""
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    tree = HfApi(endpoint=endpoint, token=False).list_repo_tree(REPOSITORY, revision=REVISION)
    listed = {entry.path: entry for entry in tree if isinstance(entry, RepoFile) and entry.path in WANTED}
    missing = [name for name in REQUIRED if name not in listed]
    if missing:
        raise SourceChanged(
            f"{REPOSITORY} at revision {REVISION} has no {', '.join(missing)}; update the program, or name a "
            "local folder with the model",
            answer=str(sorted(listed)),
        )
    return listed


def _download(partial: Path, total: int, progress: Progress, endpoint: str | None) -> None:
    from huggingface_hub import snapshot_download

    progress(STAGE, 0, total, REPOSITORY)
    snapshot_download(
        REPOSITORY,
        revision=REVISION,
        local_dir=partial,
        allow_patterns=list(WANTED),
        endpoint=endpoint,
        token=False,
        max_workers=2,
        tqdm_class=_byte_bar(progress, total),
    )
    progress(STAGE, total, total, REPOSITORY)


def _byte_bar(progress: Progress, total: int) -> type:
    """Return what the hub's client takes for a progress bar; its bars of bytes report to ``progress``."""
    from tqdm.std import tqdm

    class ByteBar(tqdm):  # type: ignore[misc]
        seen = 0

        def display(self, *args: object, **kwargs: object) -> None:
            """Draw nothing: the one who listens does."""

        def update(self, n: float | None = 1) -> bool | None:
            self.n += n or 0
            if self.unit == "B" and self.n > ByteBar.seen:
                ByteBar.seen = min(int(self.n), total)
                progress(STAGE, ByteBar.seen, total, REPOSITORY)
            return None

    return ByteBar


def _check(path: Path, listed: Any) -> None:
    """Compare a file with its checksum on the hub: SHA-256 of large files, git's blob hash of others."""
    if listed.lfs is not None:
        expected, found = listed.lfs.sha256, file_sha256(path)
    else:
        content = path.read_bytes()
        blob = b"blob %d\x00" % len(content) + content
        expected, found = listed.blob_id, hashlib.sha1(blob, usedforsecurity=False).hexdigest()
    if expected != found:
        path.unlink()
        raise SourceChanged(
            f"{path.name} of {REPOSITORY} arrived with the checksum {found}, the hub lists {expected}; it "
            f"was removed, run `{FETCH_COMMAND}` again"
        )


@contextmanager
def _hub_errors(partial: Path) -> Iterator[None]:
    """The one door through which the hub client's errors become ours."""
    from huggingface_hub import errors
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        yield
    except OfflineModeIsEnabled as error:
        raise ConfigurationError(
            f"FinBERT cannot be fetched while HF_HUB_OFFLINE is set; unset it and run `{FETCH_COMMAND}` again"
        ) from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403, 404, 410):
            raise SourceChanged(
                f"the hub answered {status} for {REPOSITORY} at revision {REVISION}; update the program, or "
                "name a local folder with the model",
                answer=str(error),
            ) from error
        raise _later(f"the hub answered {status}") from error
    except errors.HTTPError as error:  # type: ignore[attr-defined]  # of whichever HTTP library the hub's client has
        raise _later(f"{type(error).__name__}: {error}") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
            raise StorageError(f"FinBERT cannot be written to {partial}: {error}") from error
        raise _later(f"{type(error).__name__}: {error}") from error


def _later(reason: str) -> RetryLater:
    return RetryLater(
        f"FinBERT could not be fetched ({reason}); check the connection and run `{FETCH_COMMAND}` again: "
        "it goes on where it stopped. Until then the compact scorer does the work"
    )
