"""Fetching FinBERT with the hub's own client from a server on this machine that plays the hub."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from collectors.errors import ConfigurationError, RetryLater, SourceChanged, StorageError
from collectors.sentiment.finbert import REPOSITORY, REVISION, load_finbert
from collectors.sentiment.finbert_fetch import fetch_finbert


class Hub:
    """One repository at one revision; weights are large files, the rest lies in git."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.url = ""
        self.status: int | None = None  # answered to everything
        self.breaks_at: int | None = None  # bytes of the weights after which the connection ends, once
        self.lies = False  # the listing's checksum of the weights is another
        self.asked: list[tuple[str, str, str | None]] = []

    def tree(self) -> bytes:
        entries = []
        for name, content in self.files.items():
            blob = hashlib.sha1(b"blob %d\x00" % len(content) + content).hexdigest()
            entry = {"type": "file", "path": name, "size": len(content), "oid": blob}
            if name.endswith((".bin", ".h5")):
                entry["lfs"] = {"oid": self.sha256(name), "size": len(content), "pointerSize": 134}
            entries.append(entry)
        return json.dumps(entries).encode()

    def sha256(self, name: str) -> str:
        return "0" * 64 if self.lies else hashlib.sha256(self.files[name]).hexdigest()

    def etag(self, name: str) -> str:
        return self.sha256(name) if name.endswith(".bin") else hashlib.sha1(self.files[name]).hexdigest()


@pytest.fixture
def hub(checkpoint: Path) -> Iterator[Hub]:
    files = {path.name: path.read_bytes() for path in sorted(checkpoint.iterdir())}
    hub = Hub({**files, "tf_model.h5": b"weights of another framework", "README.md": b"words"})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hub.asked.append((self.command, self.path, self.headers.get("Range")))
            if hub.status is not None:
                self.reply(hub.status, b"{}", {})
            elif self.path.startswith(f"/api/models/{REPOSITORY}/tree/{REVISION}"):
                self.reply(200, hub.tree(), {"Content-Type": "application/json"})
            elif self.path.startswith(f"/{REPOSITORY}/resolve/{REVISION}/"):
                self.reply_file(self.path.rsplit("/", 1)[1])
            else:
                self.reply(404, b"{}", {})

        do_HEAD = do_GET  # noqa: N815

        def reply_file(self, name: str) -> None:
            content = hub.files[name]
            headers = {"ETag": f'"{hub.etag(name)}"', "X-Repo-Commit": REVISION, "Accept-Ranges": "bytes"}
            wanted = self.headers.get("Range")
            start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            end = len(content)
            if name.endswith(".bin") and self.command == "GET" and hub.breaks_at:
                end, hub.breaks_at = hub.breaks_at, None
            self.reply(206 if start else 200, content[start:], headers, content[start:end])

        def reply(self, status: int, body: bytes, headers: dict[str, str], sent: bytes | None = None) -> None:
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body if sent is None else sent)

        def log_message(self, format: str, *args: object) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield hub
        server.shutdown()
        thread.join()


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's client waits 23 s in all before it gives up."""
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)


def test_fetched_finbert_loads_under_its_revision(hub: Hub, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    folder = fetch_finbert(tmp_path, endpoint=hub.url, progress=lambda s, d, t, m="": seen.append((d, t)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["finbert"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "origin.json",
        "pytorch_model.bin",
        "tokenizer_config.json",
        "vocab.txt",
    ]
    assert load_finbert(folder).name == "finbert-ProsusAI@4556d1301521"
    total = sum(path.stat().st_size for path in folder.iterdir() if path.name != "origin.json")
    assert seen[0] == (0, total)
    assert seen[-1] == (total, total)
    assert seen == sorted(seen)
    assert len(seen) > 2


def test_second_fetch_asks_nothing(hub: Hub, tmp_path: Path) -> None:
    folder = fetch_finbert(tmp_path, endpoint=hub.url)
    hub.asked.clear()
    assert fetch_finbert(tmp_path, endpoint=hub.url) == folder
    assert hub.asked == []


def test_changed_weights_no_longer_bear_the_revision(hub: Hub, tmp_path: Path) -> None:
    folder = fetch_finbert(tmp_path, endpoint=hub.url)
    config = folder / "config.json"
    config.write_text(config.read_text().replace("positive", "Positive"))
    with pytest.raises(Exception, match="no longer those that were fetched"):
        load_finbert(folder)


def test_broken_connection_goes_on_where_it_broke(
    hub: Hub, tmp_path: Path, no_patience: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 4096)
    hub.breaks_at = 40_000
    assert load_finbert(fetch_finbert(tmp_path, endpoint=hub.url)).name == "finbert-ProsusAI@4556d1301521"
    ranges = [wanted for command, path, wanted in hub.asked if command == "GET" and path.endswith(".bin")]
    assert len(ranges) == 2
    assert ranges[1] is not None
    assert int(ranges[1].removeprefix("bytes=").removesuffix("-")) > 30_000


@pytest.mark.parametrize("status", [500, 503, 429])
def test_busy_hub_means_later(hub: Hub, tmp_path: Path, no_patience: None, status: int) -> None:
    hub.status = status
    with pytest.raises(RetryLater, match=f"the hub answered {status}"):
        fetch_finbert(tmp_path, endpoint=hub.url)
    assert not (tmp_path / "finbert").exists()


def test_revision_that_is_gone_means_the_source_changed(hub: Hub, tmp_path: Path) -> None:
    hub.status = 404
    with pytest.raises(SourceChanged, match="404 for ProsusAI/finbert"):
        fetch_finbert(tmp_path, endpoint=hub.url)


def test_listing_without_weights_means_the_source_changed(hub: Hub, tmp_path: Path) -> None:
    del hub.files["pytorch_model.bin"]
    with pytest.raises(SourceChanged, match=r"has no pytorch_model\.bin"):
        fetch_finbert(tmp_path, endpoint=hub.url)


def test_weights_with_another_checksum_are_removed(hub: Hub, tmp_path: Path) -> None:
    hub.lies = True
    with pytest.raises(SourceChanged, match=r"pytorch_model\.bin .* arrived with the checksum"):
        fetch_finbert(tmp_path, endpoint=hub.url)
    assert not (tmp_path / "finbert").exists()
    hub.lies = False
    assert load_finbert(fetch_finbert(tmp_path, endpoint=hub.url)).name == "finbert-ProsusAI@4556d1301521"


def test_unreachable_hub_is_told_and_leaves_no_finbert(tmp_path: Path, no_patience: None) -> None:
    with pytest.raises(RetryLater, match=r"check the connection and run `barograph models fetch` again"):
        fetch_finbert(tmp_path, endpoint="http://127.0.0.1:9")
    assert not (tmp_path / "finbert").exists()


def test_offline_mode_is_told(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigurationError, match="HF_HUB_OFFLINE"):
        fetch_finbert(tmp_path, endpoint=hub.url)
    assert hub.asked == []


def test_models_folder_that_is_a_file_is_told(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("not a folder")
    with pytest.raises(StorageError, match="cannot be written"):
        fetch_finbert(tmp_path / "models", endpoint=hub.url)
