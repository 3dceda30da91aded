"""Resources that the benchmarks declare, as YAML."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml


def document(kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """One resource."""
    return {"apiVersion": "swarmstead.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": dict(spec)}


def scripted(swarm: str, tool: str, calls: int, *, repository: bool = False) -> list[dict[str, Any]]:
    """A swarm of one agent on a model of its own that calls `tool` (`server__tool`) `calls` times and is done."""
    server = tool.partition("__")[0]
    arguments = {"path": "REVIEW.md", "content": "# Findings\n\nNone.\n"} if repository else {}
    turns: list[dict[str, Any]] = [{"calls": [{"tool": tool, "arguments": dict(arguments)}]} for _ in range(calls)]
    agent = {"model": swarm, "instructions": "Work.", "max_turns": 50}
    spec: dict[str, Any] = {"pattern": "delegate", "coordinator": swarm, "task": "Go."}
    if repository:
        spec["inputs"] = {"repo": {"type": "repository"}}
    bound = [document("Binding", swarm, {"agent": swarm, "server": server, "tools": [tool.partition("__")[2]]})]
    return [
        document("Model", swarm, {"provider": "scripted", "script": {swarm: [*turns, {"say": "Done."}]}}),
        document("Agent", swarm, agent),
        document("Swarm", swarm, spec),
        *(bound if tool else []),
    ]


def dump(documents: Sequence[Mapping[str, Any]]) -> str:
    """All of them as one file."""
    return yaml.safe_dump_all(documents)
