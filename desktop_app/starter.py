"""A command that the window started ends when the window is gone: it alone holds the command's input open."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time

from desktop_app.terminal import INTERRUPTED

logger = logging.getLogger(__name__)

STANDARD_INPUT = 0
GRACE_S = 5.0  # to put things in order, as long as the window gives a command that it cancels


def end_with_input() -> None:
    """Interrupt this process as soon as its standard input ends, and end it where that takes too long.

    The system closes the window's end of a pipe however the window ended, so nothing has to be asked
    every so often. What arrives before is not read as anything.
    """
    threading.Thread(target=_wait, name="end of input", daemon=True).start()


def _wait() -> None:
    while os.read(STANDARD_INPUT, 4096):
        pass
    logger.warning("The window is gone, or asks to stop: this command is interrupted")
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGINT)  # wakes the main thread's waits, as Ctrl+C does
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    time.sleep(GRACE_S)
    logger.error("It did not end within %g s: it is ended now", GRACE_S)
    os._exit(INTERRUPTED)
