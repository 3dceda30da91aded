"""What a ToolServer declares about how hard it may be worked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Len

Overload = Literal["fail-fast", "queue", "shed"]
_STRICT: dict[str, Any] = {"extra": "forbid", "use_attribute_docstrings": True}


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """How hard a tool server may be worked. What is left out is as the settings of the gateway say.

    The limits are per tool and tenant; concurrency is counted by each gateway process for itself.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    concurrency: Annotated[int, Ge(1), Le(1000)] | None = None
    """Calls of one tool at a time."""
    rate_per_s: Annotated[float, Gt(0), Le(100_000)] | None = None
    """Calls of one tool a second, whoever makes them; there is no such limit unless it is given."""
    burst: Annotated[int, Ge(1), Le(100_000)] | None = None
    """Calls of one tool at once before `rate_per_s` holds; left out, as many as in two seconds."""
    timeout_s: Annotated[float, Ge(0.1), Le(3600)] | None = None
    """Seconds that one call may take, retries included, before its outcome counts as unknown."""
    cost: Mapping[str, Annotated[int, Ge(1), Le(100)]] = field(default_factory=dict[str, int])
    """Weight per tool, 1 to 100: under `shed`, the heavy ones are refused first.

    By default a read weighs 10, a write 30, a dangerous tool 60, an expensive one 90.
    """
    expensive: Annotated[tuple[str, ...], Len(0, 1000)] = ()
    """Tools that a run may call only so often; see `expensive_per_run`."""
    expensive_per_run: Annotated[int, Ge(0), Le(10_000)] | None = None
    """How often one run may call each of the expensive tools."""
    overload: Overload | None = None
    """What happens to a call for which there is no room.

    `fail-fast`: it is refused. `queue`: it waits. `shed`: it waits, and heavy calls are refused while light ones are
    still let in.
    """
    queue: Annotated[int, Ge(0), Le(10_000)] | None = None
    """Calls of one tool that may wait for room."""
    queue_wait_s: Annotated[float, Ge(0), Le(600)] | None = None
    """Seconds that a call from outside waits for room at most; one inside a run waits as long as a call may take."""
