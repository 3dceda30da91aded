"""How money, times and digests read in a terminal."""

from datetime import UTC, datetime

_HEX = 12
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def instant(text: str) -> datetime:
    """A time of the API (RFC 3339)."""
    return datetime.fromisoformat(text)


def clock_time(text: str) -> str:
    """`14:03:07`, in the local time zone."""
    return instant(text).astimezone().strftime("%H:%M:%S")


def duration(seconds: float) -> str:
    """`52 ms`, `1.24 s`, `3 m 05 s`, `2 h 04 m`, `3 d 02 h`; whole seconds stay whole: `15 s`."""
    if seconds < 1 and isinstance(seconds, float):
        return f"{seconds * 1000:.0f} ms"
    if seconds < _MINUTE and isinstance(seconds, float):
        return f"{seconds:.2f} s"
    whole = int(seconds)
    for unit, smaller, size, part in (("d", "h", _DAY, _HOUR), ("h", "m", _HOUR, _MINUTE), ("m", "s", _MINUTE, 1)):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // part:02d} {smaller}"
    return f"{whole} s"


def between(start: str, end: str) -> float:
    """Seconds from one time of the API to another."""
    return (instant(end) - instant(start)).total_seconds()


def age(text: str | None) -> str:
    """`12 m ago`, `in 23 h`; '' for none."""
    if not text:
        return ""
    seconds = (datetime.now(UTC) - instant(text)).total_seconds()
    size, unit = next(
        ((size, unit) for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")) if abs(seconds) >= size), (1, "s")
    )
    return f"{int(seconds // size)} {unit} ago" if seconds >= 0 else f"in {int(-seconds // size)} {unit}"


def short(digest: str) -> str:
    """The first hex digits of a digest; enough to name it to `--digest`, `--from` and `--to`."""
    return digest.rpartition(":")[2][:_HEX]
