"""The first steps of a process that works for another: it ends with that one, and leaves Ctrl-C to it."""
from __future__ import annotations

import gc
import os
import signal
import threading
from multiprocessing import parent_process
from multiprocessing.connection import wait


def begin() -> None:
    """To be run first in a child of multiprocessing."""
    # Rendering and converting make many values and hardly a cycle: to look for them as often as Python does costs a twentieth.
    gc.set_threshold(50_000, 20, 100)
    # Ctrl-C reaches every process of the terminal's group; the first one alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """A killed parent sends no word, and the queue of work stays open: watch for its end."""
    wait([sentinel])
    os._exit(1)
