"""A request to end the process, to the KeyboardInterrupt that a terminal's Ctrl-C raises.

What cleans up after Ctrl-C then does so after SIGTERM and a closed terminal, too. Leaves out: passing an
interruption on to children (graph.py).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ends_as_interrupts() -> Iterator[None]:
    """SIGTERM and SIGHUP raise KeyboardInterrupt, where they would end this process without a word.

    What is ignored, as by `nohup`, or handled already, stays so; only the main thread can change anything.
    """
    ends = (signal.SIGTERM, signal.SIGHUP) if threading.current_thread() is threading.main_thread() else ()
    changed = [end for end in ends if signal.getsignal(end) is signal.SIG_DFL]
    for end in changed:
        signal.signal(end, signal.default_int_handler)
    try:
        yield
    finally:
        for end in changed:
            signal.signal(end, signal.SIG_DFL)
