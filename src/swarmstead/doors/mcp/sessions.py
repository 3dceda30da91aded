"""Sessions of MCP clients up to 2025-11-25.

A session's id says what was agreed, so that any replica can serve it: version and client capabilities, and a mark of
the caller it was given to, with all that its credential was good for. It is no credential: it is good for nothing
without its caller's own, and forging one only fools the forger. A token that is good for less, or for more, than the
credential that a session was opened with is no way into it: what was asked, told and answered there was told to that
one. Its letters are of one case, because some clients and proxies fold header values. What is kept in memory is which
ones were ended here.
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
from swarmstead.kernel.errors import NotFound
from swarmstead.kernel.hashing import sha256_hex
from swarmstead.kernel.scope import Scope

T = TypeVar("T")
LOG_LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
CALLED_OFF = "called off by the client"
_MARK_DIGITS = 16
_CHANCE = re.compile(r"[0-9a-f]{16}")
_MOST_OF_ONE, _MOST_CALLERS = 256, 1_000
_Whose = tuple[str, str]
_Reach = tuple[frozenset[str], str, bool]
_Name = tuple[str, _Reach]
_LONGEST_ID = 4096
_MOST_WATCHED = 1000


class _Agreed(msgspec.Struct, frozen=True):
    """What a session's id holds."""

    n: str
    """Chance: tells the sessions of one caller apart."""
    w: str
    """Whose it is, and what the credential is good for."""
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
    _running: dict[asyncio.Task[Any], str | int] = field(default_factory=dict[asyncio.Task[Any], str | int])
    _asked: int = 0
    over: bool = False
    """Whether the client has ended it."""

    @property
    def busy(self) -> bool:
        """Whether a stream is open or a request runs in it."""
        return self.stream is not None or bool(self._running)

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
        """Do the work of a request, which the client can call off by this id, or with the session."""
        task = asyncio.current_task()
        if task is not None:
            self._running[task] = id_
        try:
            return await work
        finally:
            if task is not None:
                self._running.pop(task, None)

    def call_off(self, id_: Any) -> None:
        """The client does not wait for this request any more."""
        if isinstance(id_, str | int) and not isinstance(id_, bool):  # True is 1 to Python
            self._call_off([task for task, running in self._running.items() if running == id_])

    def check(self) -> None:
        """Fails: NotFound, when the client has ended it since its request was let in."""
        if self.over:
            raise session_over()

    def close(self) -> None:
        """The client has ended it: its stream ends, and what runs in it is called off."""
        self.over = True
        if self.stream is not None:
            self.stream.close()
        self._call_off(list(self._running))

    def _call_off(self, tasks: list[asyncio.Task[Any]]) -> None:
        for task in tasks:
            del self._running[task]
            task.cancel(CALLED_OFF)


class Sessions:
    """The sessions that this process has seen."""

    def __init__(self) -> None:
        self._known: OrderedDict[_Whose, OrderedDict[_Name, Session]] = OrderedDict()
        self._ended: OrderedDict[_Whose, OrderedDict[str, None]] = OrderedDict()

    def open(self, caller: Scope, version: str, capabilities: dict[str, Any]) -> Session:
        """A new session."""
        agreed = _Agreed(secrets.token_hex(8), _mark(caller), version, capabilities)
        id_ = base64.b32encode(msgspec.json.encode(agreed)).decode().rstrip("=").lower()
        if len(id_) > _LONGEST_ID:  # whatever it declares beyond this, we would not use
            return self.open(caller, version, {})
        return self._remember(caller, Session(id_, _lane(agreed), version, capabilities))

    def find(self, caller: Scope, id_: str) -> Session | None:
        """The caller's session, or None: it was ended, is another one's, or never was.

        Another one is another caller, and the same one with a credential that is good for less or for more.
        """
        whose, name = _whose(caller), (id_, _reach(caller))
        own = self._known.get(whose)
        if own is not None and name in own:
            self._known.move_to_end(whose)
            own.move_to_end(name)
            return own[name]
        agreed = _read(id_)
        if agreed is None or agreed.w != _mark(caller) or _lane(agreed) in self._ended.get(whose, ()):
            return None
        return self._remember(caller, Session(id_, _lane(agreed), agreed.v, agreed.c))

    def end(self, caller: Scope, session: Session) -> None:
        """It is over, with all that is under way in it; its id is good for nothing any more."""
        whose = _whose(caller)
        own = self._known.get(whose, OrderedDict[_Name, Session]())
        for name in [name for name, one in own.items() if one.lane == session.lane]:
            own.pop(name).close()
        session.close()
        ended = self._ended.setdefault(whose, OrderedDict())
        ended[session.lane] = None
        _bound(ended, _MOST_OF_ONE)
        self._ended.move_to_end(whose)
        _bound(self._ended, _MOST_CALLERS)

    def _remember(self, caller: Scope, session: Session) -> Session:
        """The idle one used longest ago gives way, to one of the same caller: nobody is pushed out by others."""
        own = self._known.setdefault(_whose(caller), OrderedDict())
        own[session.id, _reach(caller)] = session
        if len(own) > _MOST_OF_ONE:  # what is under way in one must be found when the client ends it
            idle = (name for name, one in own.items() if one is not session and not one.busy)
            own.pop(next(idle, next(iter(own))))
        self._known.move_to_end(_whose(caller))
        _bound(self._known, _MOST_CALLERS)
        return session


def session_over() -> NotFound:
    """What is told of a session that is none, upon which clients open another one."""
    return NotFound("This session is over, or never was.", way_out="Open another one with `initialize`.")


def _bound(kept: OrderedDict[Any, Any], most: int) -> None:
    if len(kept) > most:
        kept.popitem(last=False)


def _whose(caller: Scope) -> _Whose:
    return caller.tenant, caller.actor.id


def _reach(caller: Scope) -> _Reach:
    """What a credential is good for, beside whose it is."""
    return caller.actor.roles, caller.environment, caller.derived


def _mark(caller: Scope) -> str:
    roles, environment, derived = _reach(caller)
    said = msgspec.json.encode((caller.tenant, caller.actor.id, sorted(roles), environment, derived))
    return sha256_hex(said)[:_MARK_DIGITS]


def _lane(agreed: _Agreed) -> str:
    """The name of its sessions with tool servers. Another mark has another one, whatever chance an id claims."""
    return sha256_hex(f"{agreed.w}/{agreed.n}".encode())[:_MARK_DIGITS]


def _read(id_: str) -> _Agreed | None:
    if len(id_) > _LONGEST_ID:
        return None
    try:
        agreed = msgspec.json.decode(base64.b32decode(id_ + "=" * (-len(id_) % 8), casefold=True), type=_Agreed)
    except (binascii.Error, ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    return agreed if _CHANCE.fullmatch(agreed.n) and agreed.v in SESSION_VERSIONS else None
