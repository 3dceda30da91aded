"""What stdio and HTTP sessions share: JSON-RPC messages of MCP, and how a call can go wrong.

Two questions decide what a failed call means. Was its request handed to the operating system? A Ticket remembers that.
And did the server say, in a way that leaves no doubt, that it did not act? Then the ticket is taken back.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, cast

import msgspec

from swarmstead import __version__
from swarmstead.gateway.contract import CHANGES, UPDATED, CallResult, RpcFault
from swarmstead.gateway.errors import RelayRefused
from swarmstead.gateway.offers import Conversation
from swarmstead.gateway.relay import Relay
from swarmstead.gateway.versions import UPSTREAM_VERSIONS
from swarmstead.kernel.plain import UNSEEN, crowded, plain

MODERN, LATEST, *_ = UPSTREAM_VERSIONS
SUPPORTED = frozenset(UPSTREAM_VERSIONS) - {MODERN}
IDEMPOTENCY_KEY = "swarmstead.dev/idempotency-key"
EXPECT = "swarmstead.dev/expect"

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
MISSING_CAPABILITY = -32021
NOT_STARTED = frozenset({PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS})
"""Errors that JSON-RPC reserves for requests that are turned away before a method runs. Any other proves nothing."""

_encoder = msgspec.json.Encoder()
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_TEXT_CAP = 300
_DATA_CAP = 8192
_DEEPEST = 100
_UNESCAPED = re.compile(r"[A-Za-z0-9_.-]+")
_UNPRINTABLE = re.compile(rf"\x1b\[[0-?]*[ -/]*[@-~]|(?:{UNSEEN})+")

COMPLETE = "complete"
_OF_TOOLS = {"content", "structuredContent", "isError", "resultType"}

Message = dict[str, Any]


class Ticket:
    """Whether a request may have reached the server: False until its first byte leaves us.

    `headers` go with it, beside those of the protocol, in the era that repeats arguments there. `era` is one of
    connections, see `adapters/http/pool`.
    """

    __slots__ = ("era", "headers", "sent")

    def __init__(self) -> None:
        self.sent = False
        self.era: int | None = None
        self.headers: Mapping[str, str] = {}


class SessionLost(Exception):
    """No usable answer came. The message is for people; whether the call may have happened, its Ticket says.

    `code` says more than that the upstream failed; '' when there is no more to say. `spoke`: the server is there, and
    has turned the request away. `elsewhere`: it may be another server, so nothing was sent.
    """

    def __init__(self, message: str, *, code: str = "", spoke: bool = False, elsewhere: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.spoke = spoke
        self.elsewhere = elsewhere


class RpcRefused(Exception):
    """The server answered with a JSON-RPC error."""

    def __init__(self, code: int, message: str, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data or {}


class Session(Protocol):
    """A conversation with one server, started once and used by many calls at a time."""

    conversation: Conversation

    @property
    def nameless(self) -> bool:
        """Whether nothing but the connection tells that it is still the same server."""
        ...

    @property
    def usable(self) -> bool:
        """Whether a request may be put to it: started, and not lost since."""
        ...

    @property
    def version(self) -> str:
        """The version of MCP that was agreed; '' before."""
        ...

    async def start(self) -> None:
        """Connect and shake hands. Fails: SessionLost, RpcRefused; then nothing is left running."""
        ...

    async def request(
        self, method: str, params: Mapping[str, Any], ticket: Ticket, relay: Relay | None = None
    ) -> Message:
        """The result of one request. Fails: SessionLost, RpcRefused. Cancelling it tells the server so.

        What the server tells and asks meanwhile goes to `relay`; without one it is dropped and refused.
        """
        ...

    async def listen(self, wanted: Mapping[str, Any], relay: Relay, ready: Callable[[], None]) -> None:
        """Pass on what the server tells on its own, until it has no more to tell. Fails: SessionLost, RpcRefused.

        `wanted` says what of it, as in MCP's `subscriptions/listen`. From `ready` on nothing is missed.
        """
        ...

    async def aclose(self) -> None:
        """End it; calls under way fail with SessionLost."""
        ...

    def trouble(self) -> str:
        """What else the server said that may explain a missing answer; '' for nothing."""
        ...


def encode(message: Message, cap: int) -> bytes:
    """One line of JSON. Fails: SessionLost when it is longer than `cap` bytes or holds what JSON cannot."""
    try:
        data = _encoder.encode(message)
        if b"null" in data:  # it may stand for what is no number
            data = _JSON.encode(message).encode()
    except (ValueError, TypeError) as error:
        raise SessionLost("the request cannot be written as JSON") from error
    if len(data) > cap:
        raise SessionLost(f"the request has {len(data)} bytes; {cap} is the most")
    return data


def decode(data: bytes | bytearray, secrets: Sequence[str] = ()) -> Message | None:
    """A JSON-RPC message without our secrets, or None for anything else.

    A server knows what we have told it, and may say it again wherever it says something: to its caller it is nothing.
    """
    value = None if crowded(data) else _value(data)
    if any(_mark_of(one) in data for one in secrets):
        try:
            value = _without(value, secrets)
        except ValueError:
            return None
    if not isinstance(value, dict):
        return None
    message = cast("Message", value)
    return message if message.get("jsonrpc") == "2.0" else None


def _value(data: bytes | bytearray) -> Any:
    """What JSON says, None for what is none. Some servers write what only a lenient reader takes: see `plain`."""
    try:
        return msgspec.json.decode(data)
    except (ValueError, RecursionError):
        pass
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def call(request_id: int, method: str, params: Mapping[str, Any]) -> Message:
    """A request."""
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": dict(params)}


def notification(method: str, params: Mapping[str, Any] | None = None) -> Message:
    """A notification."""
    body: Message = {"jsonrpc": "2.0", "method": method}
    return body | ({"params": dict(params)} if params else {})


def cancelled(request_id: int) -> Message:
    """The notice that nobody waits for an answer any more."""
    return notification("notifications/cancelled", {"requestId": request_id, "reason": "No longer awaited"})


def is_answer(message: Message) -> bool:
    """Whether this is a response and not a request or a notification."""
    return "method" not in message and ("result" in message or "error" in message)


def reply_to(message: Message) -> Message | None:
    """What we answer when the server asks something of us: `ping` and nothing else. None for a notification."""
    request_id, method = message.get("id"), message.get("method")
    if not isinstance(method, str) or not isinstance(request_id, int | str):
        return None
    if method == "ping":
        return {"jsonrpc": "2.0", "id": request_id, "result": {}}
    # No roots, no sampling, no elicitation: a tool server gets no way back into a model or to a person through us.
    error = {"code": METHOD_NOT_FOUND, "message": f"This client does not offer {method[:100]!r}."}
    return {"jsonrpc": "2.0", "id": request_id, "error": error}


async def answered(message: Message, relay: Relay) -> Message:
    """What we answer when the server asks something of the client behind us."""
    method = str(message["method"])
    try:
        result = await relay.ask(method, cast("Message", plain(mapping(message.get("params")))))
    except ValueError as error:
        refusal = {"code": INVALID_PARAMS, "message": f"The request holds {error}."}
        return {"jsonrpc": "2.0", "id": message["id"], "error": refusal}
    except RelayRefused as error:
        refusal = {"code": METHOD_NOT_FOUND, "message": error.message}
        return {"jsonrpc": "2.0", "id": message["id"], "error": refusal}
    return {"jsonrpc": "2.0", "id": message["id"], "result": dict(result)}


def mapping(value: Any) -> Message:
    """The value if it is an object; an empty one for whatever else a server may have put there."""
    return cast("Message", value) if isinstance(value, dict) else {}


def told(message: Message) -> tuple[str, Message] | None:
    """(method, params) of a notification, such as can be passed on; None for anything else."""
    method, params = message.get("method"), message.get("params", {})
    if "id" in message or not isinstance(method, str) or not isinstance(params, dict):
        return None
    try:
        return method, cast("Message", plain(params))
    except ValueError:
        return None


def on_its_own(message: Message) -> tuple[str, Message] | None:
    """(method, params) of what a server tells of itself, not of a call; None for anything else."""
    notice = told(message)
    return notice if notice is not None and (notice[0] in CHANGES or notice[0] == UPDATED) else None


def asks(message: Message) -> bool:
    """Whether the server asks for something of the client, and not just whether we are there."""
    method, id_ = message.get("method"), message.get("id")
    return isinstance(method, str) and method != "ping" and isinstance(id_, int | str)


def result_of(message: Message) -> Message:
    """The result in a response, its texts such as can be kept.

    Fails: RpcRefused for an error response, SessionLost for a malformed one.
    """
    error: Any = message.get("error")
    if isinstance(error, dict):
        fields = cast("Message", error)
        code, data = fields.get("code"), fields.get("data")
        kept = cast("Message", data) if isinstance(data, dict) and len(json.dumps(data)) <= _DATA_CAP else None
        raise RpcRefused(code if isinstance(code, int) else 0, str(fields.get("message", ""))[:2000], kept)
    result = message.get("result")
    if not isinstance(result, dict):
        raise SessionLost("it answered with something that is not an MCP result")
    try:
        return cast("Message", plain(result))
    except ValueError as error:
        raise SessionLost(f"its answer holds {error}") from error


def handshake() -> Message:
    """Params of `initialize`: what we speak, and that we offer nothing."""
    return {
        "protocolVersion": LATEST,
        "capabilities": {},
        "clientInfo": {"name": "swarmstead", "title": "Swarmstead", "version": __version__},
    }


def agreed_version(result: Message) -> str:
    """The revision both sides speak from now on. Fails: SessionLost."""
    version = result.get("protocolVersion")
    if not isinstance(version, str) or version not in SUPPORTED:
        raise SessionLost(f"it speaks MCP revision {str(version)[:40]!r}; we speak {', '.join(sorted(SUPPORTED))}")
    return version


def items_of(page: Message, field: str, name: str) -> list[Mapping[str, Any]]:
    """The entries of a list that have a name. Fails: SessionLost."""
    listed: Any = page.get(field)
    if not isinstance(listed, list):
        raise SessionLost(f"its list of {field} is not a list")
    items = cast("list[Any]", listed)
    if not all(isinstance(item, dict) and isinstance(cast("Message", item).get(name), str) for item in items):
        raise SessionLost(f"its list of {field} has an entry that is none")
    return items


def call_result(result: Message) -> CallResult:
    """A tool's answer, its content blocks as they came. Fails: SessionLost when it is not one."""
    if result.get("resultType", COMPLETE) != COMPLETE:  # it needs something first, and says so in fields of its own
        return CallResult(more=result)
    content: Any = result.get("content", [])
    structured: Any = result.get("structuredContent")
    is_error: Any = result.get("isError", False)
    if not isinstance(content, list) or not isinstance(structured, dict | None) or not isinstance(is_error, bool):
        raise SessionLost("its answer is not the result of a tool")
    blocks = cast("list[Any]", content)
    if not all(isinstance(block, dict) and isinstance(cast("Message", block).get("type"), str) for block in blocks):
        raise SessionLost("its answer has content that is not made of blocks")
    if not blocks and structured is None and "content" not in result:
        raise SessionLost("its answer is empty")
    more = {name: value for name, value in result.items() if name not in _OF_TOOLS}
    return CallResult(tuple(blocks), cast("Message | None", structured), is_error, more)


def fault_of(error: RpcRefused, secrets: Sequence[str]) -> RpcFault:
    """A server's error as its caller may see it: with its code, and without our secrets."""
    return RpcFault(error.code, clean(str(error), secrets), _without(error.data, secrets))


def _mark_of(secret: str) -> bytes:
    """The longest piece of a secret that looks the same however JSON is written: cheap to look for."""
    return max(_UNESCAPED.findall(secret), key=len, default="").encode()


def _without(value: Any, secrets: Sequence[str], depth: int = 0) -> Any:
    """A JSON value whose texts have lost our secrets. Fails: ValueError where it is nested more than 100 deep."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "[redacted]")
        return value
    if depth > _DEEPEST:
        raise ValueError("nested too deep")
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {_without(name, secrets): _without(field, secrets, depth + 1) for name, field in fields.items()}
    if isinstance(value, list):
        return [_without(item, secrets, depth + 1) for item in cast("list[Any]", value)]
    return value


def clean(text: str, secrets: Sequence[str] = (), *, last: bool = False) -> str:
    """Somebody else's words, fit for an error message: one printable line, bounded, without our secrets.

    What is too long is cut at its end, or with `last` at its beginning.
    """
    for secret in secrets:
        text = text.replace(secret, "[redacted]")
    text = " ".join(_UNPRINTABLE.sub(" ", text).split())
    if len(text) <= _TEXT_CAP:
        return text
    return "…" + text[-_TEXT_CAP:] if last else text[:_TEXT_CAP] + "…"
