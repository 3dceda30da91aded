"""Work that is done once and needs much: in a child process, so that what it loads is not kept for ever."""

import os
import pickle
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar, cast

T = TypeVar("T")


def apart(work: Callable[[], T]) -> T | None:
    """What `work` answers, done by a child of this process; None when it failed there, or there can be no child.

    After None, do the work here: that is where its error is to be seen. The answer has to be something that pickle
    takes. Only a process with one thread is forked: a child has that one alone, and would wait for the others' locks.

    Cost: about 15 ms, and what the work takes. Blocks.
    """
    if _threads() > 1:
        return None
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        _do(work, writes)
    os.close(writes)
    with open(reads, "rb") as answer:  # noqa: PTH123 - a pipe has no path
        found = answer.read()
    os.waitpid(child, 0)
    return cast("T", pickle.loads(found)) if found else None  # noqa: S301 - what our own child has written


def _threads() -> int:
    """How many threads this process has, those of C libraries too where the system tells."""
    try:
        return sum(1 for _ in Path("/proc/self/task").iterdir())
    except OSError:
        return threading.active_count()


def _do(work: Callable[[], object], writes: int) -> None:
    """The child's whole life. It ends without what ends a process: that belongs to the parent."""
    with suppress(BaseException):
        found = pickle.dumps(work())
        with open(writes, "wb") as answer:
            answer.write(found)
    os._exit(0)
