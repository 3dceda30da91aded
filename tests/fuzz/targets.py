"""What reads bytes from outside, each as a function of any bytes: it may refuse them in its own words, nothing else.

`make fuzz` has atheris look for bytes that do something else; `test_inputs.py` repeats all that were found.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, cast

from swarmstead.doors.mcp import headers as door
from swarmstead.doors.mcp import protocol
from swarmstead.doors.mcp.protocol import RpcError
from swarmstead.gateway.adapters import mcp_messages as mcp
from swarmstead.gateway.adapters.http.connection import Connection
from swarmstead.gateway.adapters.http.errors import HttpFailed
from swarmstead.gateway.adapters.http.limits import HttpLimits
from swarmstead.gateway.adapters.mcp_messages import RpcRefused, SessionLost
from swarmstead.gateway.adapters.sse import EventReader
from swarmstead.gateway.contract import ToolServerSpec
from swarmstead.gateway.model import tool_from
from swarmstead.gateway.schemas.compiled import contract_of
from swarmstead.gateway.schemas.limits import ContractLimits
from swarmstead.resources.errors import ManifestRefused
from swarmstead.resources.manifests import parse
from swarmstead.wiring import KINDS

_SPEC = ToolServerSpec("http", url="http://127.0.0.1/mcp")
_LIMITS = ContractLimits()
_CUT = b"|"


def request(data: bytes) -> None:
    """A request at the MCP door: headers, one to a line, then the body."""
    head, _, body = data.partition(b"\n\n")
    pairs = [line.partition(b":") for line in head.split(b"\n")]
    headers = door.headers_of((name.lower(), value) for name, _, value in pairs)
    door.takes_streams(headers)
    door.prefers_streams(headers)
    with suppress(RpcError):
        door.check_content(headers)
        message = protocol.parsed(body)
        if protocol.is_answer(message):
            return
        asked = protocol.check_request(message)
        protocol.negotiate(asked.params.get("protocolVersion"))
        protocol.wanted(asked.params)
        protocol.progress_token(asked.params)
        door.mirrored(headers)
        door.check_headers(headers, asked)
        door.check_envelope(headers, asked)


def message(data: bytes) -> None:
    """What a tool server says: used, or refused with a reason, and nothing in it that JSON cannot hold."""
    found = mcp.decode(data, ["hush-hush"])
    if found is None:
        return
    assert b"hush-hush" not in json.dumps(found).encode()
    with suppress(SessionLost, RpcRefused):
        if mcp.is_answer(found):
            mcp.call_result(mcp.result_of(found))
            mcp.agreed_version(found)
        elif (notice := mcp.told(found)) is not None:
            json.dumps(notice, allow_nan=False).encode()
        else:
            mcp.reply_to(found)


def events(data: bytes) -> None:
    """Server-sent events: it does not matter how the network cuts them."""
    pieces = data.split(_CUT)
    whole, cut = EventReader(), EventReader()
    at_once = whole.feed(b"".join(pieces))
    in_pieces = [event for piece in pieces for event in cut.feed(piece)]
    assert (at_once, whole.last_id, whole.retry_ms) == (in_pieces, cut.last_id, cut.retry_ms)


class _Wire(asyncio.Transport):
    """A transport that goes nowhere."""

    def write(self, data: object) -> None:
        """Drop it."""

    def abort(self) -> None:
        """Nothing to do."""

    def pause_reading(self) -> None:
        """Nothing to do."""

    def resume_reading(self) -> None:
        """Nothing to do."""

    def get_write_buffer_size(self) -> int:
        """Nothing waits."""
        return 0


async def _answered(pieces: list[bytes]) -> tuple[int, bytes] | None:
    connection = Connection(HttpLimits(), lambda _connection: None)
    connection.connection_made(_Wire())
    answer = connection.send(b"", None)
    for piece in pieces:
        if not connection.closed:
            connection.data_received(piece)
    connection.connection_lost(None)
    try:
        response = await answer
        return response.status, await response.read(1_000_000)
    except HttpFailed:
        return None


_LOOP = asyncio.new_event_loop()


def answer(data: bytes) -> None:
    """An HTTP/1.1 answer, in the pieces that `|` marks."""
    found = _LOOP.run_until_complete(_answered([piece for piece in data.split(_CUT) if piece]))
    assert found is None or 200 <= found[0] <= 599


def schema(data: bytes) -> None:
    """A tool definition, and arguments for it."""
    try:
        value: Any = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(value, dict):
        return
    definition = cast("dict[str, Any]", value)
    try:
        tool = tool_from("kit", _SPEC, definition)
    except ValueError:
        return
    contract = contract_of(tool, _LIMITS)
    given: Any = definition.get("given", {})
    if contract.arguments is not None and isinstance(given, dict):
        contract.arguments.fault(cast("dict[str, Any]", given))


def manifest(data: bytes) -> None:
    """Declared resources."""
    with suppress(UnicodeDecodeError, ManifestRefused):
        parse(data.decode(), KINDS)


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    one.__name__: one for one in (request, message, events, answer, schema, manifest)
}
