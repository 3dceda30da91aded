"""What the MCP door speaks: JSON-RPC 2.0 as MCP's Streamable HTTP carries it, in both of its eras. Pure.

Up to 2025-11-25 a client opens a session with `initialize`. From 2026-07-28 on each request stands alone: it names
its version and what the client can do in `_meta`, and says method and name in headers too, which have to agree with the
body because proxies route by them.
"""

import base64
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

import msgspec

from swarmstead.kernel.errors import BadInput, NotFound, SteadError
from swarmstead.kernel.plain import crowded

SESSION_VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26")
MODERN_VERSIONS = ("2026-07-28",)
RESUMABLE = "2025-11-25"
"""The session version in which a client can come back to a stream."""
VERSIONS = (*MODERN_VERSIONS, *SESSION_VERSIONS)
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL = -32700, -32600, -32601, -32602, -32603
HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION = -32020, -32021, -32022
REFUSED = -32000
"""Of JSON-RPC's codes for servers: `data.code` says which refusal of ours it is."""
PLAN_META = "swarmstead.dev/plan-id"

CAPABILITIES_META = "io.modelcontextprotocol/clientCapabilities"
LOG_LEVEL_META = "io.modelcontextprotocol/logLevel"

_WITH_SESSIONS = frozenset(version.encode() for version in (*SESSION_VERSIONS, "2024-11-05"))
_VERSION_META = "io.modelcontextprotocol/protocolVersion"
_NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_STATUS = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    INVALID_PARAMS: 400,
    HEADER_MISMATCH: 400,
    MISSING_CAPABILITY: 400,
    UNSUPPORTED_VERSION: 400,
    METHOD_NOT_FOUND: 404,
}
_OURS = 500
_OF_HTTP = {"type", "title", "status", "detail"}
_LONGEST_ID, _LONGEST_URI, _MOST_URIS = 256, 8192, 1000
_BASE64, _END = "=?base64?", "?="
_PARAM = b"mcp-param-"

Params = Mapping[str, Any]
Headers = Mapping[bytes, bytes]


class RpcError(Exception):
    """An error that a client gets as a JSON-RPC error object."""

    def __init__(self, code: int, message: str, data: Mapping[str, Any] | None = None, *, http: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
        self._http = http

    @property
    def status(self) -> int:
        """The HTTP status that goes with it where no session is kept."""
        return self._http or _STATUS.get(self.code, 200)

    def body(self, id_: Any) -> dict[str, Any]:
        """The response object."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.data:
            error["data"] = dict(self.data)
        return {"jsonrpc": "2.0", "id": id_, "error": error}


def told(error: SteadError) -> RpcError:
    """What a client is told of an error of ours: JSON-RPC has no code for most, so `data` has what a problem has."""
    code = INVALID_PARAMS if isinstance(error, BadInput | NotFound) else REFUSED if error.status < _OURS else INTERNAL
    text = f"{error.message} {error.way_out}".strip()
    return RpcError(code, text, {name: value for name, value in error.problem().items() if name not in _OF_HTTP})


def check_content(headers: Headers) -> None:
    """Refuse a body that says of itself that it is something else than JSON in UTF-8. Fails: RpcError."""
    kind, _, more = headers.get(b"content-type", b"application/json").lower().partition(b";")
    charset = more.partition(b"charset=")[2].partition(b";")[0].strip(b' "') or b"utf-8"
    coding = headers.get(b"content-encoding", b"identity").lower()
    if kind.strip() != b"application/json" or charset not in {b"utf-8", b"utf8"} or coding != b"identity":
        raise RpcError(INVALID_REQUEST, "Send the message as application/json in UTF-8, not compressed.", http=415)


def parsed(body: bytes) -> Any:
    """The JSON in a request's body. Fails: RpcError."""
    if crowded(body):
        raise RpcError(INVALID_REQUEST, "The body holds too many values.", http=413)
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RpcError(PARSE_ERROR, "The body is not JSON.") from error


class Asked(NamedTuple):
    """A request, or a notification where `id` is None."""

    method: str
    id: Any
    params: Params


def check_request(message: Any) -> Asked:
    """A JSON-RPC message of a client. Fails: RpcError."""
    if isinstance(message, list):
        raise RpcError(INVALID_REQUEST, "Batches are not part of MCP; send one message at a time.")
    fields = cast("dict[str, Any]", message) if isinstance(message, dict) else {}
    if fields.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, "This is not a JSON-RPC 2.0 message.")
    method, id_, params = fields.get("method"), fields.get("id"), fields.get("params", {})
    if not isinstance(method, str):
        raise RpcError(INVALID_REQUEST, "A request names a method.")
    if "id" in fields and (isinstance(id_, bool) or not isinstance(id_, str | int)):
        raise RpcError(INVALID_REQUEST, "An id is a string or a whole number.")
    if isinstance(id_, str) and len(id_) > _LONGEST_ID:
        raise RpcError(INVALID_REQUEST, f"An id has at most {_LONGEST_ID} characters.")
    if not isinstance(params, dict):
        raise RpcError(INVALID_PARAMS, "Params are an object.")
    return Asked(method, id_, cast("dict[str, Any]", params))


def is_answer(message: Any) -> bool:
    """Whether a client answers something that we have asked."""
    if not isinstance(message, dict):
        return False
    fields = cast("dict[str, Any]", message)
    return "method" not in fields and ("result" in fields or "error" in fields) and fields.get("jsonrpc") == "2.0"


def progress_token(meta: Params) -> str | int | None:
    """What progress is to be told under; None where the client wants none told. Fails: RpcError.

    It is bounded because it is repeated with every notification.
    """
    token: Any = meta.get("progressToken")
    if token is None or (isinstance(token, int) and not isinstance(token, bool)):
        return token
    if isinstance(token, str) and len(token) <= _LONGEST_ID:
        return token
    raise RpcError(INVALID_PARAMS, f"progressToken is a whole number or a string of up to {_LONGEST_ID} characters.")


def wanted(params: Params) -> dict[str, Any]:
    """What a subscriber wants to be told of. Fails: RpcError."""
    told: Any = params.get("notifications", {})
    if not isinstance(told, dict):
        raise RpcError(INVALID_PARAMS, "params.notifications is an object.")
    fields = cast("dict[str, Any]", told)
    uris: Any = fields.get("resourceSubscriptions", [])
    if not isinstance(uris, list) or len(cast("list[Any]", uris)) > _MOST_URIS:
        raise RpcError(INVALID_PARAMS, f"resourceSubscriptions is a list of up to {_MOST_URIS} addresses.")
    return {**fields, "resourceSubscriptions": [address(uri) for uri in cast("list[Any]", uris)]}


def address(uri: Any) -> str:
    """The address of a resource. Fails: RpcError."""
    if not isinstance(uri, str) or len(uri) > _LONGEST_URI:
        raise RpcError(INVALID_PARAMS, f"The address of a resource is a string of up to {_LONGEST_URI} characters.")
    return uri


def takes_streams(headers: Headers) -> bool:
    """Whether a client takes server-sent events for an answer."""
    accept = headers.get(b"accept", b"")
    return b"text/event-stream" in accept or b"text/*" in accept or b"*/*" in accept


def prefers_streams(headers: Headers) -> bool:
    """Whether a client names server-sent events before JSON: then a single answer comes as an event as well."""
    accept = headers.get(b"accept", b"")
    return -1 < accept.find(b"text/event-stream") < accept.find(b"application/json")


def negotiate(wanted: Any) -> str:
    """The version to speak in a session: the client's if we know it, else our newest with sessions."""
    return wanted if wanted in SESSION_VERSIONS else SESSION_VERSIONS[0]


def is_modern(headers: Headers) -> bool:
    """Whether a request is of the era without sessions: it names a version that has none, or one we do not know."""
    version = headers.get(b"mcp-protocol-version")
    return bool(version) and version not in _WITH_SESSIONS


def check_envelope(headers: Headers, method: str, params: Params) -> Mapping[str, Any]:
    """The `_meta` of a request that stands alone, once body and headers agree. Fails: RpcError."""
    meta = params.get("_meta")
    if not isinstance(meta, dict):
        raise RpcError(INVALID_PARAMS, f"params._meta is an object with {_VERSION_META} and {CAPABILITIES_META}.")
    fields = cast("dict[str, Any]", meta)
    for name in (_VERSION_META, CAPABILITIES_META):
        if name not in fields:
            raise RpcError(INVALID_PARAMS, f"params._meta lacks {name}.")
    version = fields[_VERSION_META]
    _agree(headers, b"mcp-protocol-version", version, f"params._meta[{_VERSION_META!r}]")
    _agree(headers, b"mcp-method", method, "the method")
    if (field := _NAMED_BY.get(method)) is not None and (value := params.get(field)) is not None:
        _agree(headers, b"mcp-name", value, f"params.{field}")
    if version not in MODERN_VERSIONS:
        data = {"supported": list(MODERN_VERSIONS), "requested": version}
        raise RpcError(UNSUPPORTED_VERSION, "Unsupported protocol version", data)
    return fields


def mirrored(headers: Headers) -> dict[str, str | None]:
    """The headers that repeat arguments, their values decoded; None for a value that is broken."""
    found = ((name, value) for name, value in headers.items() if name.startswith(_PARAM))
    return {name.decode("latin-1"): decoded(value) for name, value in found}


def headers_of(pairs: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Headers by name. One that came twice has both values, as HTTP joins them: nobody can be shown only one."""
    found: dict[bytes, bytes] = {}
    for name, value in pairs:
        found[name] = b", ".join((found[name], value)) if name in found else value
    return found


def _agree(headers: Headers, header: bytes, value: Any, what: str) -> None:
    found = headers.get(header)
    if found is None or decoded(found) != value:
        raise RpcError(HEADER_MISMATCH, f"The header {header.decode()} does not say the same as {what}.")


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
