"""Work that outlives the one who waits for it, for a bounded time."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def let_finish(work: Coroutine[Any, Any, T], grace_s: float) -> T:
    """Do `work`; when the one who waits is cut, it still gets `grace_s` to come to its end before it is cut too.

    For side effects: one that is cut off leaves a question for a person, one that ends leaves its outcome.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=grace_s)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise


def seen(task: asyncio.Task[Any]) -> None:
    """A done callback: how it ended is taken note of. asyncio complains of failures that nobody has looked at."""
    if not task.cancelled():
        task.exception()
