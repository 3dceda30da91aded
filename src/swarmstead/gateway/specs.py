"""What the types of the gateway's declared kinds cannot say."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from swarmstead.gateway.contract import SEPARATOR, BindingSpec, FeatureFlagSpec, ToolServerSpec, ToolSetSpec
from swarmstead.gateway.model import NOT
from swarmstead.kernel.errors import BadInput
from swarmstead.resources.contract import Reference

_VERSION = "@sha256:"
_HEX_DIGITS = 64


def check_binding(spec: BindingSpec) -> None:
    """Fails: BadInput with the field."""
    agent, mark, version = spec.agent.partition(_VERSION)
    if ("@" in spec.agent and not mark) or (mark and not (len(version) == _HEX_DIGITS and set(version) <= _HEX)):
        raise BadInput(
            "a version is named by its whole digest",
            field="agent",
            way_out=f"Write the agent's name, or NAME{_VERSION} and the 64 digits that `stead agent list` shows.",
        )
    if agent != "*" and spec.roles:
        raise BadInput(
            "agents have no roles; only outside callers do", field="roles", way_out='Leave roles out, or bind "*".'
        )


def binding_refers(spec: BindingSpec) -> list[Reference]:
    """The tool server and the environments, and the agent unless it is for outside callers."""
    agent = spec.agent.partition("@")[0]
    whom = [] if agent == "*" else [Reference("agent", "Agent", agent)]
    return [*whom, Reference("server", "ToolServer", spec.server), *_environments(spec.environments)]


def flag_refers(spec: FeatureFlagSpec) -> list[Reference]:
    """Where it holds."""
    return _environments(spec.environments)


def _environments(names: Sequence[str]) -> list[Reference]:
    return [Reference(f"environments.{n}", "Environment", name) for n, name in enumerate(names)]


def server_refers(spec: ToolServerSpec) -> list[Reference]:
    """The feature flags that its tools stand behind."""
    return [Reference(f"flags.{tool}", "FeatureFlag", flag.removeprefix(NOT)) for tool, flag in spec.flags.items()]


def unoffered(spec: ToolServerSpec, offered: Collection[str]) -> list[str]:
    """What the spec says of tools that the server does not offer: a class, flag or limit that holds of nothing."""
    said: Mapping[str, Iterable[str]] = {
        "risk": spec.risk,
        "idempotent": spec.idempotent,
        "preview": (*spec.preview, *spec.preview.values()),
        "defaults": spec.defaults,
        "flags": spec.flags,
        "limits.cost": spec.limits.cost,
        "limits.expensive": spec.limits.expensive,
    }
    missing = ((field, name) for field, names in said.items() for name in dict.fromkeys(names) if name not in offered)
    return [f"spec.{field} names {name!r}, a tool that the server does not offer" for field, name in missing]


def toolset_refers(spec: ToolSetSpec) -> list[Reference]:
    """The servers that it shows."""
    return [Reference(f"select.{n}.server", "ToolServer", part.server) for n, part in enumerate(spec.select)]


def check_toolset(spec: ToolSetSpec) -> None:
    """Fails: BadInput with the field: two tools under one name, or one server named twice."""
    servers = [part.server for part in spec.select]
    if len(set(servers)) < len(servers):
        twice = next(name for name in servers if servers.count(name) > 1)
        raise BadInput(f"the server {twice!r} is named twice", field="select", way_out="Name its tools in one place.")
    shown: dict[str, str] = {}
    for part in spec.select:
        for tool in part.tools:
            name = tool if spec.names == "plain" else f"{part.server}{SEPARATOR}{tool}"
            if name in shown:
                raise BadInput(
                    f"{shown[name]} and {part.server} both have a tool {tool!r}: a client could not tell them apart",
                    field="select",
                    way_out="Leave one out, or show them under their servers' names: `names: prefixed`.",
                )
            shown[name] = part.server


_HEX = frozenset("0123456789abcdef")
