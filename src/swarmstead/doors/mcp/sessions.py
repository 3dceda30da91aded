"""Sessions of MCP clients up to 2025-11-25.

A session's id says what was agreed, so that any replica can serve it: version and client capabilities, and a mark of
the caller it was given to. It is no credential: it is good for nothing without its caller's own, and forging one only
fools the forger. What is kept in memory is which ones were ended here.
"""

import base64
import binascii
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import msgspec

from swarmstead.kernel.hashing import sha256_hex
from swarmstead.kernel.scope import Scope

_MARK_DIGITS = 16
_MOST_ENDED = 10_000
_MOST_KNOWN = 10_000
_LONGEST_ID = 4096


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


@dataclass(frozen=True, slots=True)
class Session:
    """What was agreed with a client."""

    id: str
    lane: str
    version: str
    capabilities: dict[str, Any]


class Sessions:
    """The sessions that this process has seen."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], Session] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()

    def open(self, caller: Scope, version: str, capabilities: dict[str, Any]) -> Session:
        """A new session."""
        agreed = _Agreed(secrets.token_urlsafe(12), _mark(caller), version, capabilities)
        id_ = base64.urlsafe_b64encode(msgspec.json.encode(agreed)).decode().rstrip("=")
        if len(id_) > _LONGEST_ID:  # whatever it declares beyond this, we would not use
            return self.open(caller, version, {})
        return self._remember(caller, Session(id_, agreed.n, version, capabilities))

    def find(self, caller: Scope, id_: str) -> Session | None:
        """The caller's session, or None: it was ended, is somebody else's, or never was."""
        if id_ in self._ended:
            return None
        known = self._known.get((caller.actor.id, id_))
        if known is not None:
            return known
        agreed = _read(id_)
        if agreed is None or agreed.w != _mark(caller):
            return None
        return self._remember(caller, Session(id_, agreed.n, agreed.v, agreed.c))

    def end(self, caller: Scope, session: Session) -> None:
        """It is over; its id is good for nothing any more."""
        self._known.pop((caller.actor.id, session.id), None)
        self._ended[session.id] = None
        if len(self._ended) > _MOST_ENDED:
            self._ended.popitem(last=False)

    def _remember(self, caller: Scope, session: Session) -> Session:
        self._known[caller.actor.id, session.id] = session
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return session


def _mark(caller: Scope) -> str:
    return sha256_hex(f"{caller.tenant}/{caller.actor.id}".encode())[:_MARK_DIGITS]


def _read(id_: str) -> _Agreed | None:
    if len(id_) > _LONGEST_ID:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(id_ + "=" * (-len(id_) % 4)), type=_Agreed)
    except (binascii.Error, ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
