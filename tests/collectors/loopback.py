"""A web server on this machine that answers as a source once did, for the real client libraries."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Answer:
    """What the server says; ``hang`` makes it say nothing until the test is over."""

    body: str = ""
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False


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


@contextmanager
def serving() -> Iterator[Loopback]:
    """Run a server for the length of a test."""
    loopback = Loopback()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            sent = self.rfile.read(length).decode()
            url = urlsplit(self.path)
            asked = Request(
                self.command, url.path, dict(parse_qsl(url.query)), self.headers.get("User-Agent", ""), sent
            )
            answer = loopback.answer(asked)
            if answer.hang:
                loopback.over.wait(10)
                return
            body = answer.body.encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        loopback.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield loopback
        finally:
            loopback.over.set()
            server.shutdown()
            thread.join()
