"""One request on its way through the door, and what all that answer one need."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, cast

from swarmstead.doors.mcp.offers import Offer
from swarmstead.doors.mcp.protocol import INVALID_PARAMS, Params, RpcError
from swarmstead.doors.mcp.sessions import Session
from swarmstead.gateway.contract import Caller, RpcFault
from swarmstead.gateway.relay import Relay

Result = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request on its way: who asks what of which address.

    In the era without sessions `session` is None, and `mirrored` are the headers that repeat arguments.
    """

    caller: Caller
    offer: Offer
    relay: Relay
    session: Session | None
    modern: bool
    mirrored: Mapping[str, str | None] | None = None


class Keys:
    """Makes keys that no other call has, of whichever process. Chance is drawn once: to draw lets other threads run."""

    def __init__(self) -> None:
        self._keys, self._number = f"mcp/{secrets.token_hex(12)}-", count(1)

    def new(self) -> str:
        """Another one."""
        return f"{self._keys}{next(self._number):x}"


def object_of(params: Params, name: str) -> dict[str, Any]:
    """A parameter that is an object, empty where it is left out. Fails: RpcError."""
    value = params.get(name, {})
    if not isinstance(value, dict):
        raise RpcError(INVALID_PARAMS, f"params.{name} is an object.")
    return cast("dict[str, Any]", value)


def as_said(fault: RpcFault) -> RpcError:
    """What a tool server answered with, for clients that act upon its code."""
    return RpcError(fault.code, fault.message, fault.data)
