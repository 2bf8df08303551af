"""A web server on this machine that answers as a source once did, for the real client libraries."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Answer:
    """What the server says.

    ``hang`` makes it say nothing until the test is over, ``reset`` breaks the connection off in the middle,
    and ``drip_s`` is a pause before each of twenty pieces of the body.
    """

    body: str = ""
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    reset: bool = False
    drip_s: float = 0.0


HTML = Answer("<html><body>We are improving your experience</body></html>", content_type="text/html")
HANG = Answer(hang=True)


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    method: str
    path: str
    query: dict[str, str]
    user_agent: str = ""
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Loopback:
    """Answers by path, in order; a path's last answer is repeated. Unknown paths are 404."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: dict[str, list[Answer | Callable[[Request], Answer]]] = {}
        self.url = ""
        self.over = threading.Event()

    def on(self, path: str, *answers: Answer | Callable[[Request], Answer]) -> None:
        self.answers[path] = list(answers)

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        answers = self.answers.get(request.path, [Answer('{"message": "Not Found"}', 404)])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return answer if isinstance(answer, Answer) else answer(request)

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


UNTRUSTED = Path(__file__).parents[1] / "resources" / "untrusted.pem"  # key and certificate of nobody


@contextmanager
def serving(*, tls: bool = False) -> Iterator[Loopback]:
    """Run a server for the length of a test; with ``tls`` under a certificate that nobody trusts."""
    loopback = Loopback()

    class Handler(BaseHTTPRequestHandler):
        timeout = 5  # s, for a client that connects and says nothing

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            sent = self.rfile.read(length).decode()
            url = urlsplit(self.path)
            asked = Request(
                self.command,
                url.path,
                dict(parse_qsl(url.query)),
                self.headers.get("User-Agent", ""),
                sent,
                dict(self.headers),
            )
            answer = loopback.answer(asked)
            if answer.hang:
                loopback.over.wait(10)
                return
            body = answer.body.encode()
            self.send_response_only(answer.status)
            headers = {"Date": self.date_time_string(), "Content-Type": answer.content_type, **answer.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if answer.reset:
                self._reset_after(body[: len(body) // 2])
                return
            step = len(body) // 20 + 1 if answer.drip_s else len(body) + 1
            for start in range(0, len(body), step):
                loopback.over.wait(answer.drip_s)
                self.wfile.write(body[start : start + step])

        def _reset_after(self, body: bytes) -> None:
            self.wfile.write(body)
            now = struct.pack("ii", 1, 0)  # closing sends a reset instead of an orderly end
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
            self.connection.close()
            self.close_connection = True

        def finish(self) -> None:
            with suppress(OSError):  # the client was gone first
                super().finish()

        do_HEAD = do_POST = do_DELETE = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Stay quiet."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up is no news here."""

    with Server(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = False  # closing the server waits for them: a test may count threads
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(UNTRUSTED)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        loopback.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield loopback
        finally:
            loopback.over.set()
            server.shutdown()
            thread.join()
