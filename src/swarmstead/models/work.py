"""What a template may cost: rounds of its loops, what its filters and operators make, and seconds of CPU.

A template is compiled to Python and cannot be cut from outside, so everything in it that repeats or grows is counted
as it goes, and ends it. What would make much at one stroke (`join`, `replace`, `~`) is counted before it does.

Invariants: no step makes more than a filter's input or `MAX_WORK`, so between two looks at the clock lie milliseconds.
"""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar, cast

from jinja2.exceptions import SecurityError
from jinja2.runtime import Undefined
from markupsafe import Markup

T = TypeVar("T")
MAX_ROUNDS = 100_000
MAX_WORK = 16_000_000
MAX_CPU_S = 5.0
_SCALARS = (str, int, float, Undefined, type(None))
_COUNTED = frozenset({str, Markup, list, tuple, dict, range})


class _Spent:
    """What one template has cost so far. Its clock is its thread's: who else is busy does not count."""

    def __init__(self) -> None:
        self.rounds = 0
        self.work = 0
        self.until = time.thread_time() + MAX_CPU_S


_SPENT: ContextVar[_Spent] = ContextVar("spent")


@contextmanager
def bounded() -> Generator[None]:
    """What is rendered in here is bounded together."""
    before = _SPENT.set(_Spent())
    try:
        yield
    finally:
        _SPENT.reset(before)


def charge(amount: int) -> None:
    """Count characters or items that are about to be made, or were. Fails: SecurityError."""
    spent = _SPENT.get()
    spent.work += amount
    if spent.work > MAX_WORK:
        raise SecurityError(f"it makes more than {MAX_WORK:,} characters and items")
    _look_at_the_clock(spent)


def rounds(value: Iterable[Any]) -> Iterator[Any]:
    """What a `for` goes over. All rounds of all loops of a template count together, so that nested ones end as well."""
    spent = _SPENT.get()
    for item in value:
        spent.rounds += 1
        if spent.rounds > MAX_ROUNDS:
            raise SecurityError(f"its loops go round more than {MAX_ROUNDS:,} times")
        _look_at_the_clock(spent)
        yield item


def made(value: T) -> T:
    """`value`, and its size is counted."""
    charge(len(cast("Sized", value)) + 1 if type(value) in _COUNTED else 1)
    return value


def of_text(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that turns what it gets into text: it gets text and numbers only, for a list's text has no bound."""

    @wraps(work)
    def bounded_filter(*given: Any, **options: Any) -> Any:
        if not all(isinstance(one, _SCALARS) or not hasattr(one, "__iter__") for one in (*given, *options.values())):
            raise TypeError(f"`{name}` works on text; `tojson` makes text of lists and objects")
        return made(work(*given, **options))

    return bounded_filter


def of_any(work: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that gives no more than it gets."""

    @wraps(work)
    def bounded_filter(*given: Any, **options: Any) -> Any:
        return made(work(*given, **options))

    return bounded_filter


def replace(text: str, old: str, new: str, count: int | None = None) -> str:
    """Jinja's `replace`, counted before it is done."""
    given = str(text)
    times = given.count(str(old)) if count is None else min(count, given.count(str(old)))
    charge(len(given) + times * len(str(new)))
    return given.replace(str(old), str(new), -1 if count is None else count)


def joined(pieces: Sequence[str], between: str = "") -> str:
    """The pieces as one text, counted before it is made."""
    charge(sum(map(len, pieces)) + len(between) * len(pieces))
    return between.join(pieces)


def total(values: Iterable[Any], start: float = 0) -> float:
    """The sum of numbers; lists are not joined this way. Fails: TypeError."""
    found = start
    for one in values:
        if not isinstance(one, int | float):
            raise TypeError("`sum` works on numbers")
        found += one
    return found


def _look_at_the_clock(spent: _Spent) -> None:
    if time.thread_time() > spent.until:
        raise SecurityError(f"it takes more than {MAX_CPU_S:.0f} seconds")
