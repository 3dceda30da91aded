"""Python reads NaN and Infinity from JSON bodies; JSON has no such numbers, and neither do hashes."""

import math
from typing import Any, cast


def finite(value: dict[str, Any]) -> dict[str, Any]:
    """`value`, once it is known to hold finite numbers only. Fails: ValueError."""
    left: list[Any] = [value]
    while left:
        one = left.pop()
        if isinstance(one, float) and not math.isfinite(one):
            raise ValueError("NaN and infinity are not JSON")
        if isinstance(one, dict):
            left.extend(cast("dict[str, Any]", one).values())
        elif isinstance(one, list):
            left.extend(cast("list[Any]", one))
    return value
