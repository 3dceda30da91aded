"""A kind's dataclass from its stored content, safe from any thread.

What msgspec learns of a class it keeps on the class, and puts it there before it is complete, for classes that hold
themselves. A second thread that comes meanwhile finds half of it, and the process dies of a segmentation fault.
"""

import threading
from collections.abc import Mapping
from typing import Any

import msgspec

_LEARNT: set[type[Any]] = set()
_LEARNING = threading.Lock()


def instance(spec: type[Any], content: Mapping[str, Any]) -> Any:
    """Content that was checked when it was applied, as an instance of `spec`."""
    if spec not in _LEARNT:
        with _LEARNING:
            msgspec.json.Decoder(spec)
            _LEARNT.add(spec)
    return msgspec.convert(content, spec)
