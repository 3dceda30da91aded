"""Tools as search sees them, what a caller may find, and what was found."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from swarmstead.gateway.contract import Risk, Tool

MOST = 20
"""The most tools that one search answers with."""
Only = Mapping[str, frozenset[str]]
"""Tool names by server that a search is narrowed to."""


@dataclass(frozen=True, slots=True)
class ToolDocument:
    """One tool, with what a search may look at.

    `quality` is the share of good calls, 0 to 1; `cost_micros` and `latency_ms` are of one call. -1 says that nobody
    knows yet. A quarantined tool is never found.
    """

    server: str
    name: str
    description: str
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    risk: Risk = "unknown"
    quality: float = -1.0
    cost_micros: int = -1
    latency_ms: int = -1
    quarantined: bool = False

    @property
    def key(self) -> int:
        """63 bits that name the tool within its tenant; a million tools collide with a chance of 1 in 10 million."""
        return key_of(self.server, self.name)

    @property
    def digest(self) -> int:
        """63 bits over all that is said of the tool: another number, and it has to be indexed anew."""
        said = (self.server, self.name, self.description, sorted(self.parameters.items()), self.risk)
        return _bits(repr((said, self.quality, self.cost_micros, self.latency_ms)))

    @property
    def qualified(self) -> str:
        """`server__tool`, as models and MCP clients see it."""
        return f"{self.server}__{self.name}"


@dataclass(frozen=True, slots=True)
class Permitted:
    """What a caller may find: tool names by server. It is applied before anything is ranked."""

    tools: Mapping[str, frozenset[str]]

    def allows(self, server: str, name: str) -> bool:
        """Whether the caller may know of this tool."""
        return name in self.tools.get(server, frozenset())


@dataclass(frozen=True, slots=True)
class Found:
    """A tool and how well it fits: comparable within one answer only."""

    document: ToolDocument
    score: float


def key_of(server: str, name: str) -> int:
    """The key of a tool, from its two names alone."""
    return _bits(f"{server}\0{name}")


def document_of(tool: Tool) -> ToolDocument:
    """What search keeps of a tool as its server describes it."""
    properties = tool.input_schema.get("properties")
    parameters = cast("dict[str, Any]", properties) if isinstance(properties, dict) else {}
    said = {name: _description(schema) for name, schema in parameters.items()}
    return ToolDocument(tool.server, tool.name, tool.description, said, tool.risk)


def _description(schema: Any) -> str:
    """What a property's schema says of it; the schema may be anything, `true` for one."""
    text = cast("dict[str, Any]", schema).get("description") if isinstance(schema, dict) else None
    return text if isinstance(text, str) else ""


def _bits(text: str) -> int:
    raw = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(raw, "big") >> 1
