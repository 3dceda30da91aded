"""What the headers of a request say about its message, and where they have to agree with it. Pure.

Proxies route and decide by `Mcp-Method` and `Mcp-Name`. From 2026-07-28 on a client has to send them; in sessions it
may. Wherever one is there it says the same as the body, so that nobody in front is shown another call than is made.
"""

import base64
from collections.abc import Iterable, Mapping
from typing import Any, cast

from swarmstead.doors.mcp.protocol import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    MODERN_VERSIONS,
    SESSION_VERSIONS,
    UNSUPPORTED_VERSION,
    VERSIONS,
    Asked,
    Params,
    RpcError,
)

CAPABILITIES_META = "io.modelcontextprotocol/clientCapabilities"
LOG_LEVEL_META = "io.modelcontextprotocol/logLevel"
_VERSION_META = "io.modelcontextprotocol/protocolVersion"
_VERSION, _METHOD, _NAME = b"mcp-protocol-version", b"mcp-method", b"mcp-name"
_SHOWN = {_VERSION: "MCP-Protocol-Version", _METHOD: "Mcp-Method", _NAME: "Mcp-Name"}
_SPOKEN = frozenset(version.encode() for version in VERSIONS)
_BEFORE = frozenset((b"2025-03-26", b"2024-11-05"))
"""Versions that we do not speak. Who opens a session may name one all the same, and is told which one we do speak."""
_WITH_SESSIONS = frozenset(version.encode() for version in SESSION_VERSIONS) | _BEFORE
_NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_BASE64, _END = "=?base64?", "?="
_PARAM = b"mcp-param-"
_LONGEST = 100

Headers = Mapping[bytes, bytes]


def headers_of(pairs: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Headers by name. One that came twice has both values, as HTTP joins them: nobody can be shown only one."""
    found: dict[bytes, bytes] = {}
    for name, value in pairs:
        found[name] = b", ".join((found[name], value)) if name in found else value
    return found


def check_content(headers: Headers) -> None:
    """Refuse a body that says of itself that it is something else than JSON in UTF-8. Fails: RpcError."""
    kind, _, more = headers.get(b"content-type", b"application/json").lower().partition(b";")
    charset = more.partition(b"charset=")[2].partition(b";")[0].strip(b' "') or b"utf-8"
    coding = headers.get(b"content-encoding", b"identity").lower()
    if kind.strip() != b"application/json" or charset not in {b"utf-8", b"utf8"} or coding != b"identity":
        raise RpcError(INVALID_REQUEST, "Send the message as application/json in UTF-8, not compressed.", http=415)


def is_modern(headers: Headers) -> bool:
    """Whether a request is of the era without sessions: it names a version that has none, or one we do not know."""
    version = headers.get(_VERSION)
    return bool(version) and version not in _WITH_SESSIONS


def check_version(headers: Headers) -> None:
    """Fails: RpcError, naming the versions that are spoken, for a header that names another one."""
    version = headers.get(_VERSION)
    if version and version not in _SPOKEN:
        raise unsupported(version.decode("latin-1"))


def check_headers(headers: Headers, asked: Asked) -> None:
    """Whatever headers repeat of a message has to be what it says, in either era. Fails: RpcError, naming the two."""
    version = headers.get(_VERSION)
    if version and version not in _SPOKEN and not (asked.method == "initialize" and version in _BEFORE):
        said = _mapping(asked.params.get("_meta"))
        if _VERSION_META in said:
            _agree(headers, _VERSION, said[_VERSION_META], f"params._meta[{_VERSION_META!r}]")
        check_version(headers)
    if _METHOD in headers:
        _agree(headers, _METHOD, asked.method, "the method")
    if _NAME in headers:
        _check_name(headers, asked.method, asked.params)


def check_envelope(headers: Headers, asked: Asked) -> Params:
    """The `_meta` of a request that stands alone: it is whole, and headers repeat what they must. Fails: RpcError.

    `check_headers` has found that what they repeat agrees.
    """
    meta: Any = asked.params.get("_meta")
    if not isinstance(meta, dict):
        raise RpcError(INVALID_PARAMS, f"params._meta is an object with {_VERSION_META} and {CAPABILITIES_META}.")
    fields = cast("dict[str, Any]", meta)
    for name in (_VERSION_META, CAPABILITIES_META):
        if name not in fields:
            raise RpcError(INVALID_PARAMS, f"params._meta lacks {name}.")
    _agree(headers, _VERSION, fields[_VERSION_META], f"params._meta[{_VERSION_META!r}]")
    if _METHOD not in headers:
        raise _missing(_METHOD, "the method")
    field = _NAMED_BY.get(asked.method)
    if field is not None and asked.params.get(field) is not None and _NAME not in headers:
        raise _missing(_NAME, f"params.{field}")
    return fields


def unsupported(requested: str) -> RpcError:
    """The refusal of a version of the protocol, with those that are spoken."""
    alone, sessions = ", ".join(MODERN_VERSIONS), " and ".join(SESSION_VERSIONS)
    return RpcError(
        UNSUPPORTED_VERSION,
        f"Unsupported protocol version: {requested[:_LONGEST]!r}. Spoken are {alone}, and in sessions {sessions}.",
        {"supported": list(VERSIONS), "requested": requested[:_LONGEST]},
    )


def takes_streams(headers: Headers) -> bool:
    """Whether a client takes server-sent events for an answer."""
    accept = headers.get(b"accept", b"")
    return b"text/event-stream" in accept or b"text/*" in accept or b"*/*" in accept


def prefers_streams(headers: Headers) -> bool:
    """Whether a client names server-sent events before JSON: then a single answer comes as an event as well."""
    accept = headers.get(b"accept", b"")
    return -1 < accept.find(b"text/event-stream") < accept.find(b"application/json")


def mirrored(headers: Headers) -> dict[str, str | None]:
    """The headers that repeat arguments, their values decoded; None for a value that is broken."""
    found = ((name, value) for name, value in headers.items() if name.startswith(_PARAM))
    return {name.decode("latin-1"): decoded(value) for name, value in found}


def decoded(value: bytes) -> str | None:
    """A header's text; in MCP it may come as `=?base64?…?=`. None for one that is broken, which equals nothing."""
    text = value.decode("latin-1").strip(" \t")  # not every HTTP parser takes blanks off the end of a value
    if not (text.startswith(_BASE64) and text.endswith(_END)):
        return text
    try:
        payload = text[len(_BASE64) : -len(_END)]
        data = base64.b64decode(payload, validate=True)
        return data.decode() if base64.b64encode(data).decode() == payload else None
    except ValueError:  # of base64, and of UTF-8
        return None


def _check_name(headers: Headers, method: str, params: Params) -> None:
    field = _NAMED_BY.get(method)
    if field is not None:
        return _agree(headers, _NAME, params.get(field), f"params.{field}")
    if decoded(headers[_NAME]) not in [value for value in params.values() if isinstance(value, str)]:
        raise _mismatch(_NAME, "any of the params")  # of other methods the protocol does not say what names them
    return None


def _agree(headers: Headers, header: bytes, value: Any, what: str) -> None:
    said = decoded(headers[header])
    if said is None or said != value:
        raise _mismatch(header, what)


def _mismatch(header: bytes, what: str) -> RpcError:
    name = _SHOWN[header]
    return RpcError(HEADER_MISMATCH, f"The header {name} does not say the same as {what} in the body.")


def _missing(header: bytes, what: str) -> RpcError:
    name = _SHOWN[header]
    return RpcError(HEADER_MISMATCH, f"The header {name} is missing: it has to say the same as {what} in the body.")


def _mapping(value: Any) -> Params:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
