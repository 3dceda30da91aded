"""The rules of pins. Pure."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["accepted", "quarantined"]
Why = Literal["", "new", "changed", "held"]


@dataclass(frozen=True, slots=True)
class Pin:
    """What is known of one tool's definition.

    `schema_hash` and `definition` are what is accepted; `offered_hash` and `offered` what the server gives instead, ''
    and None while it gives that. `held`: a person has set the tool aside, for `reason`.
    """

    server: str
    tool: str
    schema_hash: str
    definition: Mapping[str, Any] | None
    offered_hash: str
    offered: Mapping[str, Any] | None
    held: bool
    reason: str
    first_seen: int
    changed_at: int
    decided_at: int | None
    decided_by: str

    @property
    def why(self) -> Why:
        """What keeps the tool from being called, '' for nothing."""
        if self.held:
            return "held"
        if self.offered_hash:
            return "changed" if self.schema_hash else "new"
        return ""

    @property
    def state(self) -> State:
        """Whether the tool may be called, as far as the database knows."""
        return "quarantined" if self.why else "accepted"


@dataclass(frozen=True, slots=True)
class Status:
    """What the hot path needs to know of a pin."""

    schema_hash: str
    held: bool
    reason: str = ""


def problem_of(status: Status | None, schema_hash: str) -> str:
    """Why a tool with this definition may not be called, '' if it may.

    What this process was given counts, not what the table says of another process' sight.
    """
    if status is None:
        return "more tools of its server have been seen than are kept"
    if status.held:
        return f"a person has set it aside: {status.reason}" if status.reason else "a person has set it aside"
    if not status.schema_hash:
        return "nobody has accepted its definition yet"
    if status.schema_hash != schema_hash:
        return "its definition has changed since it was accepted"
    return ""


def drift(pin: Pin) -> list[tuple[str, str]]:
    """The accepted and the offered definition line by line: (' ' | '-' | '+', text). Empty when nothing waits."""
    if not pin.offered_hash:
        return []
    old, new = _lines(pin.definition), _lines(pin.offered)
    found: list[tuple[str, str]] = []
    for op, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if op == "equal":
            found += [(" ", line) for line in old[a:b]]
        else:
            found += [("-", line) for line in old[a:b]] + [("+", line) for line in new[c:d]]
    return found


def _lines(definition: Mapping[str, Any] | None) -> list[str]:
    if definition is None:
        return []
    return json.dumps(definition, indent=2, sort_keys=True, ensure_ascii=False).splitlines()
