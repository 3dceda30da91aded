"""What may stand in a request that goes on to a tool server: a closed list for each method, and bounds.

What is not on the list reaches no tool server. Neither a contract nor a policy would have seen it, and a server that
does not tell capitals from small letters would take `Arguments` for the `arguments` that were looked at.
"""

from collections.abc import Mapping
from typing import Any, cast

from swarmstead.doors.mcp.protocol import INVALID_PARAMS, Params, RpcError
from swarmstead.gateway.contract import TOOLS_CALL
from swarmstead.gateway.schemas.bounds import Bounds, fault_of

TO_A_QUESTION = ("inputResponses", "requestState")
_TASK = "task"
"""What we have no tasks for is answered as if it had not asked for one: so MCP 2025-11-25 has it."""
_PLAIN_CALL = frozenset(("name", "arguments", "_meta"))
_CALL = (*_PLAIN_CALL, _TASK, *TO_A_QUESTION)
_KNOWN: Mapping[str, frozenset[str]] = {
    TOOLS_CALL: frozenset(_CALL),
    "prompts/get": frozenset(_CALL),
    "resources/read": frozenset(("uri", "_meta", _TASK, *TO_A_QUESTION)),
    "resources/subscribe": frozenset(("uri", "_meta")),
    "resources/unsubscribe": frozenset(("uri", "_meta")),
    "completion/complete": frozenset(("ref", "argument", "context", "_meta")),
}
_INSIDE: Mapping[str, frozenset[str]] = {
    "ref": frozenset(("type", "name", "title", "uri")),
    "argument": frozenset(("name", "value")),
    "context": frozenset(("arguments",)),
}
_STAYS: Mapping[str, frozenset[str]] = {TOOLS_CALL: _PLAIN_CALL | {_TASK}}
_STAYS_OF_OTHERS = frozenset(("_meta", _TASK))
_SHOWN = 100
_MOST_VALUES = 100_000


class Parameters:
    """Looks at params before anything is done with them. A tool's `arguments` are its contract's to judge."""

    def __init__(self, *, size: int, items: int, depth: int, answer: int) -> None:
        """`size` and `answer` are bytes: of what goes on beside `arguments`, and of what a client answers a server."""
        self._bounds = Bounds(size, items, depth, size, _MOST_VALUES)
        self._of_answers = Bounds(answer, items, depth, answer, _MOST_VALUES)

    def check(self, method: str, params: Params) -> None:
        """Fails: RpcError, which names the first that is not known, or too large."""
        if method == TOOLS_CALL and params.keys() <= _PLAIN_CALL:
            return  # most of what comes
        known = _KNOWN.get(method)
        if known is None:
            return  # it is answered here, and nothing of it goes on
        _only(params, known, "params", method)
        for name, inner in _INSIDE.items():
            if method == "completion/complete" and isinstance(given := params.get(name), dict):
                _only(cast("dict[str, Any]", given), inner, f"params.{name}", method)
        state = params.get("requestState", "")
        if not isinstance(state, str):
            raise _refusal("params.requestState", "is a string")
        fault = fault_of(sent_on(method, params), self._bounds)
        if fault is not None:
            raise _refusal(f"params.{fault[0]}".removesuffix("."), f"is too large: {fault[1]}")

    def check_answer(self, message: Mapping[str, Any]) -> None:
        """An answer of a client to what a tool server has asked. Fails: RpcError."""
        fault = fault_of(message, self._of_answers)
        if fault is not None:
            raise _refusal(fault[0] or "The answer", f"is too large: {fault[1]}")


def sent_on(method: str, params: Params) -> dict[str, Any]:
    """The params that go on to a tool server as they came; of a tool's call without what is sent under our own word."""
    stays = _STAYS.get(method, _STAYS_OF_OTHERS)
    return {name: value for name, value in params.items() if name not in stays}


def _only(given: Mapping[str, Any], known: frozenset[str], where: str, method: str) -> None:
    for name in given:
        if name not in known:
            same = next((one for one in known if one.casefold() == name.casefold()), "")
            why = f"differs from {where}.{same} in its capitals only" if same else f"is no parameter of {method}"
            raise _refusal(f"{where}.{name[:_SHOWN]}", f"{why}; it takes {', '.join(sorted(known))}")


def _refusal(field: str, why: str) -> RpcError:
    return RpcError(INVALID_PARAMS, f"{field} {why}.", {"field": field})
