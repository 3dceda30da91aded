"""Pure rules of the gateway: what class a tool is in, what a definition's hash covers, what a plan says."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast
from urllib.parse import unquote

from swarmstead.gateway.contract import Caller, CallRequest, FeatureFlagSpec, Kind, Risk, Tool, ToolServerSpec
from swarmstead.gateway.mirrored import mirrors_of
from swarmstead.gateway.schemas.advice import free_form
from swarmstead.kernel.hashing import digest, in_share, sha256_hex
from swarmstead.kernel.plain import UNSEEN
from swarmstead.permits.contract import PolicyQuestion
from swarmstead.telemetry.contract import redact

_DESCRIPTION_LIMIT = 4_000
_MOST_DECODINGS = 4
_KEY_CHARS = 24
_LONGEST_WHY = 240
_MOST_TOLD, _LONGEST_TOLD, _LONGEST_VALUE = 3, 120, 48
_UNSEEN = re.compile(UNSEEN)
_IN_FOUR_DIGITS = 0xFFFF
NOT = "!"
_SORTED = json.JSONEncoder(sort_keys=True)
_HASHED = {"name", "description", "inputSchema", "outputSchema", "annotations", "icons", "_meta"}


def tool_from(server: str, spec: ToolServerSpec, definition: Mapping[str, Any]) -> Tool:
    """A tool as a server describes it (an MCP `Tool` object), classed.

    An override in the spec wins over annotations. A free text by which it can be told to do anything makes it `danger`.
    Fails: ValueError when the definition holds what no JSON can carry.
    """
    name = str(definition.get("name", ""))
    annotations = _object(definition.get("annotations"))
    schema = _input_of(definition)
    risk = class_of(spec, definition)
    return Tool(
        server=server,
        name=name,
        description=str(definition.get("description") or "")[:_DESCRIPTION_LIMIT],
        input_schema=schema,
        output_schema=_object(definition.get("outputSchema")) or None,
        risk=risk,
        idempotent=risk == "read" or name in spec.idempotent or annotations.get("idempotentHint") is True,
        schema_hash=definition_hash(definition),
        definition=definition,
        mirrors=mirrors_of(schema),
    )


def definition_hash(definition: Mapping[str, Any]) -> str:
    """What a definition is pinned by: everything that it says but its icons and `_meta`.

    Fails: ValueError when it holds what no JSON can carry.
    """
    said: dict[str, Any] = {
        "name": str(definition.get("name", "")),
        "description": definition.get("description") or "",
        "input": definition.get("inputSchema") or {},
        "output": definition.get("outputSchema") or {},
        "annotations": definition.get("annotations") or {},
    }
    more = {field: value for field, value in definition.items() if field not in _HASHED and value is not None}
    return digest(said | {"more": more} if more else said)


def class_of(spec: ToolServerSpec, definition: Mapping[str, Any]) -> Risk:
    """The risk class of a tool by its definition, as `tool_from` says it."""
    declared = spec.risk.get(str(definition.get("name", "")))
    claimed = risk_of(_object(definition.get("annotations")))
    return declared or _careful(claimed, _input_of(definition))


def _input_of(definition: Mapping[str, Any]) -> Mapping[str, Any]:
    return _object(definition.get("inputSchema")) or {"type": "object", "properties": {}}


def _careful(risk: Risk, schema: Mapping[str, Any]) -> Risk:
    return "danger" if risk == "write" and free_form(schema) else risk


def _object(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def risk_of(annotations: Mapping[str, Any]) -> Risk:
    """The class that MCP annotations claim. MCP's defaults apply: what is not read-only is destructive unless denied.

    Whoever says whether a tool destroys has said that it writes. A server that says nothing about either gives
    `unknown`, which is denied until an operator classes it.
    """
    read_only, destroys = annotations.get("readOnlyHint"), annotations.get("destructiveHint")
    if read_only is True:
        return "read"
    if read_only is False or isinstance(destroys, bool):
        return "write" if destroys is False else "danger"
    return "unknown"


def question_of(
    caller: Caller, tool: Tool, arguments: Mapping[str, Any] | None = None, at_ms: int | None = None
) -> PolicyQuestion:
    """What policies are asked about a call; without arguments and time, about a tool before anybody calls it."""
    actor = caller.scope.actor
    return PolicyQuestion(
        kind="agent" if caller.agent else "user",
        principal=caller.agent or actor.id,
        name=caller.agent or actor.name,
        roles=frozenset() if caller.agent else actor.roles,
        digest=caller.agent_digest,
        swarm=caller.swarm,
        environment=caller.environment,
        server=tool.server,
        tool=tool.name,
        risk=tool.risk,
        idempotent=tool.idempotent,
        schema_hash=tool.schema_hash,
        arguments=arguments,
        at_ms=at_ms,
    )


def read_question(
    caller: Caller,
    kind: Kind,
    server: str,
    name: str,
    arguments: Mapping[str, Any] | None = None,
    at_ms: int | None = None,
) -> PolicyQuestion:
    """What policies are asked about a resource or a prompt; `name` is the address of a resource."""
    tool = Tool(server, name, "", {}, None, "read", idempotent=True, schema_hash="")
    return replace(question_of(caller, tool, arguments, at_ms), what=kind)


def is_there(flag: str, flags: Mapping[str, FeatureFlagSpec], environment: str, subject: str) -> bool:
    """Whether a tool is there that names this flag: it is on, or with `!` before its name it is not.

    A flag that nobody has declared is off.
    """
    name = flag.removeprefix(NOT)
    spec = flags.get(name)
    on = (
        spec is not None
        and spec.enabled
        and (not spec.environments or environment in spec.environments)
        and (spec.share >= 1 or in_share(name, subject, spec.share))
    )
    return on != flag.startswith(NOT)


def flag_words(flag: str) -> str:
    """Why a tool that names this flag is not there: `the feature flag 'x', which is off`."""
    return f"the feature flag {flag.removeprefix(NOT)!r}, which is {'on' if flag.startswith(NOT) else 'off'}"


def covers(patterns: Iterable[str], address: str) -> bool:
    """Whether a resource's address is one of these, or begins as one that ends with `*` and does not lead out again.

    An address that climbs (`..`, however written) is covered by nothing but itself: what it names is not where it
    begins.
    """
    for pattern in patterns:
        if pattern == address:
            return True
        if pattern.endswith("*") and address.startswith(pattern[:-1]) and not _climbs(address):
            return True
    return False


def _climbs(address: str) -> bool:
    plain = address
    for _ in range(_MOST_DECODINGS):  # %252e is a dot to whoever decodes twice
        decoded = unquote(plain)
        if decoded == plain:
            return ".." in plain.replace("\\", "/").split("/")
        plain = decoded
    return True


def upstream_key(request: CallRequest) -> str:
    """The idempotency key that goes upstream: the step, and a digest of the arguments.

    A repeat has the same; a call with other arguments can never be taken for one, whatever step it comes from. Unlike
    `digest` it takes whatever JSON can say, half a surrogate pair and any depth too: what a model or a client writes
    must not end a call.
    """
    told = _text_of(dict(request.arguments))
    if request.more:
        told += _text_of(dict(request.more))
    return f"{request.key}:{sha256_hex(told.encode())[:_KEY_CHARS]}"


def _text_of(value: Any) -> str:
    try:
        return _SORTED.encode(value)
    except RecursionError:
        return "\n".join(_level_by_level(value))


def _level_by_level(value: Any) -> Iterator[str]:
    """The same for the same value, however deep, and another for every other."""
    waiting: list[Any] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            members = cast("Mapping[str, Any]", one)
            names = sorted(members)
            yield _SORTED.encode({"names": names})
            waiting.extend(members[name] for name in names)
        elif isinstance(one, list | tuple):
            items = cast("Sequence[Any]", one)
            yield _SORTED.encode({"items": len(items)})
            waiting.extend(items)
        else:
            yield _SORTED.encode(one)


def plan_payload(
    request: CallRequest, server_version: str, tool: Tool, precondition: Mapping[str, Any]
) -> dict[str, Any]:
    """What an approval binds to: the exact call, the definitions it was planned against, its step and environment.

    `precondition` adds what the tool's preview found, so that nobody's approval is spent on another effect. A client
    that is no agent has no run: its plan is bound to who it is.
    """
    payload: dict[str, Any] = {
        "server": request.server,
        "server_version": server_version,
        "environment": request.caller.environment,
        "tool": request.tool,
        "schema_hash": tool.schema_hash,
        "root": request.root,
        "arguments": dict(request.arguments),
        "run": request.caller.run,
        "step": request.key,
    }
    if request.more:  # answers to what a server has asked, say: they decide with the arguments what happens
        payload["more"] = dict(request.more)
    if not request.caller.agent:
        payload["actor"] = request.caller.scope.actor.id
    return payload | ({"precondition": dict(precondition)} if precondition else {})


def precondition_of(found: Mapping[str, Any]) -> dict[str, Any]:
    """What a plan is bound to of what its tool's preview found: all of it as a digest, and what the server checks."""
    expect = found.get("expect")
    bound = {"effect": digest(dict(found))}
    return bound | ({"expect": dict(cast("Mapping[str, Any]", expect))} if isinstance(expect, Mapping) else {})


def plan_sentence(request: CallRequest, effect: Mapping[str, Any]) -> str:
    """What will happen, in one plain sentence; where a preview tells nothing, also what keeps it from telling."""
    if effect.get("kind") == "file":
        lines = len(str(effect.get("after", "")).split("\n")) - str(effect.get("after", "")).endswith("\n")
        verb = "Create" if effect.get("before") is None else "Replace"
        same = ", which has exactly this text already" if effect.get("unchanged") is True else ""
        return f"{verb} {effect.get('path')} ({lines} line{'' if lines == 1 else 's'}) in {request.root}{same}"
    call = f"Call {request.tool} on {request.server}{_first_arguments(request.arguments)}"
    why = _shortened(str(effect.get("why") or ""))
    if effect.get("refused") is True:
        return f"{call}. Its own preview refuses it: {why or 'it does not say why'}"
    return f"{call}. What it would do is not known: {why}" if why else call


def _first_arguments(arguments: Mapping[str, Any]) -> str:
    """`: ticket=T-17, text=…`: what tells one call from another, short and without what is secret. '' for none."""
    told = [f"{_in_a_line(name)}={_in_a_line(_said(value))}" for name, value in redact(dict(arguments)).items()]
    shown = told[:_MOST_TOLD]
    while len(shown) > 1 and sum(map(len, shown)) > _LONGEST_TOLD:
        shown.pop()
    if not shown:
        return ""
    more = len(told) - len(shown)
    return f": {', '.join(shown)}" + (f" and {more} more" if more else "")


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _in_a_line(text: str) -> str:
    """The beginning of a text, with what nobody sees written out, as it is where people read the whole of it."""
    plain = " ".join(text[: 2 * _LONGEST_VALUE].split())
    cut = len(plain) > _LONGEST_VALUE or len(text) > 2 * _LONGEST_VALUE
    start = _UNSEEN.sub(lambda found: _written_out(ord(found[0])), plain[:_LONGEST_VALUE])
    return f"{start}\u2026" if cut else start


def _written_out(number: int) -> str:
    return f"\\u{number:04x}" if number <= _IN_FOUR_DIGITS else f"\\U{number:08x}"


def _shortened(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _LONGEST_WHY else f"{plain[:_LONGEST_WHY]}\u2026"
