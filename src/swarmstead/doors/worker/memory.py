"""How the process asks the system for memory."""

import ctypes
import sys

_M_ARENA_MAX = -8
_ARENAS = 2


def few_arenas() -> None:
    """Have threads share two of glibc's arenas. Call it before there are threads; elsewhere it does nothing.

    By default each of our threads gets arenas of its own, up to eight for each core, and what is freed in one serves no
    other: a tool index that is renewed once a minute then takes a hundred megabytes more in an hour.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)
