"""What the MCP door speaks: JSON-RPC 2.0 as MCP's Streamable HTTP carries it, in both of its eras. Pure.

Up to 2025-11-25 a client opens a session with `initialize`. From 2026-07-28 on each request stands alone: it names
its version and what the client can do in `_meta`, and says method and name in headers too (`headers`).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import msgspec

from swarmstead.doors.mcp.twice import repeated_key
from swarmstead.kernel.errors import BadInput, NotFound, SteadError
from swarmstead.kernel.plain import crowded

SESSION_VERSIONS = ("2025-11-25", "2025-06-18")
"""Those before have batches, which we do not take."""
MODERN_VERSIONS = ("2026-07-28",)
RESUMABLE = "2025-11-25"
"""The session version in which a client can come back to a stream."""
VERSIONS = (*MODERN_VERSIONS, *SESSION_VERSIONS)
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL = -32700, -32600, -32601, -32602, -32603
HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION = -32020, -32021, -32022
REFUSED = -32000
"""Of JSON-RPC's codes for servers: `data.code` says which refusal of ours it is."""
PLAN_META = "swarmstead.dev/plan-id"

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
_SHOWN = 100
_MEMBERS = frozenset(("jsonrpc", "id", "method", "params"))
_LONGEST_ID, _LONGEST_URI, _MOST_URIS = 256, 8192, 1000

Params = Mapping[str, Any]


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


def parsed(body: bytes) -> Any:
    """The JSON in a request's body. Fails: RpcError."""
    if crowded(body):
        raise RpcError(INVALID_REQUEST, "The body holds too many values.", http=413)
    try:
        message = msgspec.json.decode(body)
        twice = repeated_key(body, message)
    except (ValueError, RecursionError) as error:  # msgspec's errors and those of UTF-8 are ValueErrors
        raise RpcError(PARSE_ERROR, "The body is not JSON.") from error
    if twice is not None:
        raise RpcError(INVALID_REQUEST, f"The key {twice[:_SHOWN]!r} is there twice in one object of the body.")
    return message


class Asked(NamedTuple):
    """A request, or a notification where `id` is None."""

    method: str
    id: Any
    params: Params


ANSWER = Asked("", None, {})
"""What an answer of a client asks: nothing, of nobody."""


def check_request(message: Any) -> Asked:
    """A JSON-RPC message of a client. Fails: RpcError."""
    if isinstance(message, list):
        raise RpcError(INVALID_REQUEST, "Batches are not part of MCP; send one message at a time.")
    fields = cast("dict[str, Any]", message) if isinstance(message, dict) else {}
    if fields.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, "This is not a JSON-RPC 2.0 message.")
    if not fields.keys() <= _MEMBERS:
        _check_capitals(fields)
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


def _check_capitals(fields: Params) -> None:
    """There are parsers that do not tell capitals from small letters: one in front would see another message."""
    for name in fields:
        if name not in _MEMBERS and name.casefold() in _MEMBERS:
            raise RpcError(INVALID_REQUEST, f"Write {name.casefold()!r} in small letters, not {name!r}.")


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


def negotiate(wanted: Any) -> str:
    """The version to speak in a session: the client's if we know it, else our newest with sessions. Fails: RpcError."""
    if not isinstance(wanted, str | None):
        versions = ", ".join(SESSION_VERSIONS)
        raise RpcError(INVALID_PARAMS, f"params.protocolVersion is a text. In sessions we speak {versions}.")
    return wanted if wanted in SESSION_VERSIONS else SESSION_VERSIONS[0]
