"""A swarm for tests: `boss` coordinates, `ann` and `bob` are members; each has every tool and follows a script."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

API = "swarmstead.dev/v1alpha1"
AGENTS = ("boss", "ann", "bob")
_TOOLS = ["read", "look", "put", "append", "wipe", "note"]


def call(tool: str, /, **arguments: Any) -> dict[str, Any]:
    """A tool call in a script."""
    return {"tool": tool if tool == "delegate" else f"kit__{tool}", "arguments": arguments}


def delegate(agent: str, task: str = "Do your part.") -> dict[str, Any]:
    """A delegation in a script."""
    return call("delegate", agent=agent, task=task, why="Because.")


def turns(*steps: Any) -> list[dict[str, Any]]:
    """A script: a text ends the work, anything else is the calls of a turn."""
    return [{"say": step} if isinstance(step, str) else {"calls": _listed(step)} for step in steps]


def _listed(step: Any) -> Any:
    return [step] if isinstance(step, dict) else step


def document(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    """One resource."""
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec}


def model(script: Mapping[str, Sequence[Any]], name: str = "script", /, **more: Any) -> dict[str, Any]:
    """A scripted model. It has a price, so that budgets can be seen to work."""
    price = {"input_per_million_usd": "1", "output_per_million_usd": "1"}
    parts = {agent: turns(*steps) for agent, steps in script.items()}
    return document("Model", name, **({"provider": "scripted", "price": price, "script": parts} | more))


def swarm(**more: Any) -> dict[str, Any]:
    """The swarm itself."""
    spec: dict[str, Any] = {
        "pattern": "delegate",
        "coordinator": "boss",
        "members": ["ann", "bob"],
        "inputs": {"repo": {"type": "repository"}},
        "task": "Look after {repo}.",
        "limits": {"budget_usd": "1.00", "wall_clock_s": 600},
    }
    return document("Swarm", "team", **(spec | more))


def agent(name: str, **more: Any) -> dict[str, Any]:
    """One of its agents."""
    return document("Agent", name, **({"model": "script", "instructions": f"You are {name}."} | more))


def server(**more: Any) -> dict[str, Any]:
    """The tool server that all of them use."""
    return document("ToolServer", "kit", **({"transport": "stdio", "command": ["kit"], "root": "repo"} | more))


def binding(name: str, tools: Sequence[str] = _TOOLS) -> dict[str, Any]:
    """An agent's tools."""
    return document("Binding", f"{name}-kit", agent=name, server="kit", tools=list(tools))


def everything(script: Mapping[str, Sequence[Any]], *instead: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All resources of the swarm; those in `instead` take the place of their namesakes."""
    found = [swarm(), server(), model(script), *(agent(name) for name in AGENTS), *(binding(name) for name in AGENTS)]
    others = {(one["kind"], one["metadata"]["name"]): one for one in instead}
    own = [others.pop((one["kind"], one["metadata"]["name"]), one) for one in found]
    return [*own, *others.values()]


def manifests(script: Mapping[str, Sequence[Any]], *instead: Mapping[str, Any]) -> str:
    """All resources as YAML."""
    return yaml.dump_all(everything(script, *instead), Dumper=_Plain)


class _Plain(yaml.SafeDumper):
    """Writes out what is used twice: manifests take no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True
