"""What search needs from outside: an index of tools. In memory: `memory.py`; on disk: `adapters/search/`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from swarmstead.gateway.contract import Risk
from swarmstead.gateway.search.contract import Permitted, ToolDocument


@dataclass(frozen=True, slots=True)
class Traits:
    """What ranking knows of a tool beside how well it fits; -1 is unknown."""

    risk: Risk
    quality: float = -1.0
    cost_micros: float = -1.0
    latency_ms: float = -1.0


@dataclass(frozen=True, slots=True)
class Matches:
    """Candidates for a task, all of them permitted.

    `fits[u][c]` says how well candidate `c` fits text `u`: weighted keyword and meaning, about 0 to 2.5.
    """

    keys: Sequence[int]
    traits: Sequence[Traits]
    fits: Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Changed:
    """How many tools a refresh has put in (new ones and changed ones) and taken out."""

    added: int
    removed: int


class ToolIndex(Protocol):
    """The tools of one tenant. May be used from several threads."""

    def refresh(self, documents: Iterable[ToolDocument]) -> Changed:
        """Make the index hold exactly these tools, less the quarantined ones. What has not changed costs a hash."""
        ...

    def match(self, texts: Sequence[str], permitted: Permitted | None) -> Matches:
        """Candidates for any of the texts, among permitted tools only; None permits all."""
        ...

    def documents(self, keys: Sequence[int]) -> list[ToolDocument]:
        """The tools with these keys, in this order; a key that is not there is left out."""
        ...

    def improve(self, budget: int) -> int:
        """Do up to `budget` tools' worth of slow work that betters ranking; how many tools still wait for it."""
        ...

    def close(self) -> None:
        """Let go of files."""
        ...
