"""One window a home: a second start brings the first one forward and ends."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtNetwork import QLocalServer, QLocalSocket

ANSWER_MS = 1000  # how long a window may take to answer


class OneWindow(QObject):
    """A local socket named after the home; whoever opens it first has the window."""

    def __init__(self, home: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = f"barograph-{sha256(str(home.resolve()).encode()).hexdigest()[:16]}"
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)

    def taken(self) -> bool:
        """Whether another window of this home runs; it is asked to come forward."""
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        answered = socket.waitForConnected(ANSWER_MS)
        socket.abort()
        return bool(answered)

    def take(self, come_forward: Callable[[], object]) -> bool:
        """Be the window of this home from now on; False where the system gives no socket (then nobody is)."""

        def greet() -> None:
            caller = self._server.nextPendingConnection()
            if caller is not None:
                caller.close()
                caller.deleteLater()
            come_forward()

        QLocalServer.removeServer(self._name)  # a killed window leaves its socket behind
        self._server.newConnection.connect(greet)
        return self._server.listen(self._name)

    def close(self) -> None:
        """Give the home free."""
        self._server.close()
