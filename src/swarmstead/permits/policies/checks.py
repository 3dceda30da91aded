"""What the types of a Policy cannot say, checked before it is stored."""

import re
from collections.abc import Iterator
from typing import Any, cast

from swarmstead.kernel.errors import BadInput
from swarmstead.permits.contract import PolicyException, PolicySpec
from swarmstead.permits.policies.reading import Unreadable, check
from swarmstead.permits.policies.tenant import ends_at
from swarmstead.resources.contract import Reference

_PRINCIPAL = re.compile(r"(agent|user)/\S+")
_TOOL = re.compile(r"[a-z0-9-]+/\S+")
_RESERVED = "builtin/"
_NAMED = {"Agent": "Agent"} | dict.fromkeys(("Server", "Tool", "Resource", "Prompt"), "ToolServer")


def check_policy(spec: PolicySpec) -> None:
    """Fails: BadInput with the field; `lines` in it names each fault of the Cedar text by its line."""
    try:
        rules = check(spec.cedar)
    except Unreadable as error:
        first = error.faults[0]
        lines = [(fault.line, f"line {fault.line}: {fault.problem}. {fault.way_out}") for fault in error.faults]
        raise BadInput(
            f"line {first.line}: {first.problem}.", field="cedar", way_out=first.way_out, extra={"lines": lines}
        ) from error
    for rule in rules:
        if rule.id.startswith(_RESERVED):
            raise BadInput(
                f"line {rule.line}: ids that start with {_RESERVED} are for the built-in rules.",
                field="cedar",
                way_out="Choose another @id.",
                extra={"lines": [(rule.line, f"line {rule.line}: the id {rule.id!r} is for a built-in rule")]},
            )
    for number, exception in enumerate(spec.exceptions):
        _check_exception(exception, f"exceptions.{number}")


def policy_refers(spec: PolicySpec) -> list[Reference]:
    """The agents, tool servers and environments that it names: a rule about what is not there protects nothing."""
    found = [
        Reference(f"cedar, line {rule.line}", _NAMED[kind], name if kind in ("Agent", "Server") else _server_of(name))
        for rule in check(spec.cedar)
        for kind, name in _entities([rule.policy[part] for part in ("principal", "resource", "conditions")])
        if kind in _NAMED
    ]
    found += [Reference(f"environments.{n}", "Environment", name) for n, name in enumerate(spec.environments)]
    for n, one in enumerate(spec.exceptions):
        whose, _, name = one.principal.partition("/")
        found += [Reference(f"exceptions.{n}.principal", "Agent", name)] if whose == "agent" else []
        found.append(Reference(f"exceptions.{n}.tool", "ToolServer", _server_of(one.tool)))
    return list(dict.fromkeys(found))


def _server_of(thing: str) -> str:
    return thing.partition("/")[0]


def _entities(node: Any) -> Iterator[tuple[str, str]]:
    """Every `Type::"id"` in a part of a rule, as Cedar's JSON form has it."""
    if isinstance(node, dict):
        parts = cast("dict[str, Any]", node)
        kind, name = parts.get("type"), parts.get("id")
        if isinstance(kind, str) and isinstance(name, str):
            yield kind, name
            return
        node = list(parts.values())
    if isinstance(node, list):
        for part in cast("list[Any]", node):
            yield from _entities(part)


def _check_exception(exception: PolicyException, field: str) -> None:
    if not _PRINCIPAL.fullmatch(exception.principal):
        raise BadInput(
            f"{exception.principal!r} names no caller.",
            field=f"{field}.principal",
            way_out="Write agent/NAME or user/ID, with the id that the audit trail shows.",
        )
    if not _TOOL.fullmatch(exception.tool):
        raise BadInput(
            f"{exception.tool!r} names no tool.", field=f"{field}.tool", way_out="Write SERVER/TOOL or SERVER/*."
        )
    try:
        ends_at(exception)
    except (ValueError, OverflowError) as error:
        raise BadInput(
            f"{exception.until!r} is no moment.",
            field=f"{field}.until",
            way_out='Write it with its offset from UTC: "2026-12-01T00:00:00Z".',
        ) from error
