"""Sessions of MCP clients up to 2025-11-25.

A session's id says what was agreed, so that any replica can serve it: version and client capabilities, and a mark of
the caller it was given to. It is no credential: it is good for nothing without its caller's own, and forging one only
fools the forger. Its letters are of one case, because some clients and proxies fold header values. What is kept in
memory is which ones were ended here.
"""

import asyncio
import base64
import binascii
import re
import secrets
from collections import OrderedDict
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import msgspec

from swarmstead.doors.mcp.listening import Listening
from swarmstead.doors.mcp.protocol import SESSION_VERSIONS
from swarmstead.doors.mcp.streams import Stream
from swarmstead.gateway.contract import CHANGES, SUBSCRIPTIONS
from swarmstead.gateway.errors import RelayRefused
from swarmstead.kernel.hashing import sha256_hex
from swarmstead.kernel.scope import Scope

T = TypeVar("T")
LOG_LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
CALLED_OFF = "called off by the client"
_MARK_DIGITS = 16
_LANE = re.compile(r"[0-9a-f]{16}")
_MOST_ENDED = 10_000
_MOST_OF_ONE, _MOST_CALLERS = 256, 1_000
_Whose = tuple[str, str]
_LONGEST_ID = 4096
_MOST_WATCHED = 1000


class _Agreed(msgspec.Struct, frozen=True):
    """What a session's id holds."""

    n: str
    """Chance: tells the sessions of one caller apart."""
    w: str
    """Whose it is."""
    v: str
    """The protocol version."""
    c: dict[str, Any]
    """The client's capabilities."""


def _everything() -> dict[str, Any]:
    return {name: True for _, name in CHANGES.values()} | {SUBSCRIPTIONS: []}


@dataclass(slots=True)
class Session:
    """What was agreed with a client, and what is under way with it in this process."""

    id: str
    lane: str
    version: str
    capabilities: dict[str, Any]
    log_level: str = ""
    stream: Stream | None = None
    listening: Listening | None = None
    wanted: dict[str, Any] = field(default_factory=_everything)
    _expected: dict[str, asyncio.Future[Mapping[str, Any]]] = field(
        default_factory=dict[str, asyncio.Future[Mapping[str, Any]]]
    )
    _running: dict[str | int, asyncio.Task[Any]] = field(default_factory=dict[str | int, asyncio.Task[Any]])
    _asked: int = 0

    def watch(self, uri: str, *, watched: bool) -> None:
        """The client wants to be told when this resource changes, or does not any more."""
        uris: dict[str, None] = dict.fromkeys(self.wanted[SUBSCRIPTIONS])
        if watched and len(uris) < _MOST_WATCHED:
            uris[uri] = None
        elif not watched:
            uris.pop(uri, None)
        self.wanted[SUBSCRIPTIONS] = list(uris)

    def expect(self) -> tuple[str, asyncio.Future[Mapping[str, Any]]]:
        """The id of a new request to the client, and where its result will be."""
        self._asked += 1
        id_ = f"stead-{self._asked}"
        self._expected[id_] = asyncio.get_running_loop().create_future()
        return id_, self._expected[id_]

    def forget(self, id_: str) -> None:
        """Nobody waits for this answer any more."""
        self._expected.pop(id_, None)

    def take(self, message: Mapping[str, Any]) -> None:
        """An answer of the client. One that nobody waits for is dropped."""
        answer = self._expected.pop(str(message.get("id")), None)
        if answer is None or answer.done():
            return
        result: Any = message.get("result")
        if isinstance(result, dict):
            answer.set_result(cast("dict[str, Any]", result))
        else:
            answer.set_exception(RelayRefused("The client refused what the tool server asked of it."))

    async def run(self, id_: str | int, work: Coroutine[Any, Any, T]) -> T:
        """Do the work of a request, which the client can call off by this id."""
        task = asyncio.current_task()
        if task is not None:
            self._running[id_] = task
        try:
            return await work
        finally:
            self._running.pop(id_, None)

    def call_off(self, id_: Any) -> None:
        """The client does not wait for this request any more."""
        task = self._running.pop(id_, None) if isinstance(id_, str | int) else None
        if task is not None:
            task.cancel(CALLED_OFF)


class Sessions:
    """The sessions that this process has seen."""

    def __init__(self) -> None:
        self._known: OrderedDict[_Whose, OrderedDict[str, Session]] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()

    def open(self, caller: Scope, version: str, capabilities: dict[str, Any]) -> Session:
        """A new session."""
        agreed = _Agreed(secrets.token_hex(8), _mark(caller), version, capabilities)
        id_ = base64.b32encode(msgspec.json.encode(agreed)).decode().rstrip("=").lower()
        if len(id_) > _LONGEST_ID:  # whatever it declares beyond this, we would not use
            return self.open(caller, version, {})
        return self._remember(caller, Session(id_, agreed.n, version, capabilities))

    def find(self, caller: Scope, id_: str) -> Session | None:
        """The caller's session, or None: it was ended, is somebody else's, or never was."""
        if id_ in self._ended:
            return None
        whose = _whose(caller)
        own = self._known.get(whose)
        if own is not None and id_ in own:
            self._known.move_to_end(whose)
            own.move_to_end(id_)
            return own[id_]
        agreed = _read(id_)
        if agreed is None or agreed.w != _mark(caller):
            return None
        return self._remember(caller, Session(id_, agreed.n, agreed.v, agreed.c))

    def end(self, caller: Scope, session: Session) -> None:
        """It is over; its id is good for nothing any more."""
        if (own := self._known.get(_whose(caller))) is not None:
            own.pop(session.id, None)
        self._ended[session.id] = None
        if len(self._ended) > _MOST_ENDED:
            self._ended.popitem(last=False)

    def _remember(self, caller: Scope, session: Session) -> Session:
        """The one used longest ago gives way: to another of the same caller, so that nobody is pushed out by others."""
        own = self._known.setdefault(_whose(caller), OrderedDict())
        own[session.id] = session
        if len(own) > _MOST_OF_ONE:
            own.popitem(last=False)
        self._known.move_to_end(_whose(caller))
        if len(self._known) > _MOST_CALLERS:
            self._known.popitem(last=False)
        return session


def _whose(caller: Scope) -> _Whose:
    return caller.tenant, caller.actor.id


def _mark(caller: Scope) -> str:
    return sha256_hex(f"{caller.tenant}/{caller.actor.id}".encode())[:_MARK_DIGITS]


def _read(id_: str) -> _Agreed | None:
    if len(id_) > _LONGEST_ID:
        return None
    try:
        agreed = msgspec.json.decode(base64.b32decode(id_ + "=" * (-len(id_) % 8), casefold=True), type=_Agreed)
    except (binascii.Error, ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    # The lane follows the id of its caller, and must not reach into that.
    return agreed if _LANE.fullmatch(agreed.n) and agreed.v in SESSION_VERSIONS else None
