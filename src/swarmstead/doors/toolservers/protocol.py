"""MCP over stdin and stdout, as much of it as a server with nothing but tools needs.

Theory of operation. Messages are JSON-RPC 2.0, one to a line. The main thread reads them and answers the cheap ones at
once; each `tools/call` runs on a thread of its own, at most MAX_RUNNING together, so a slow tool holds up neither a
`ping` nor its neighbours. When that many run, reading stops until one ends: the pipe is the queue. The end of stdin is
the order to stop: answers under way get a short grace, then the process leaves, so it never outlives its client.

A refused argument is the tool's answer (`isError`), which a model can read and correct; only a request that is not
well-formed MCP gets a JSON-RPC error. Source: MCP 2025-11-25, "Tools / Error Handling".

Invariants: stdout carries nothing but messages; a request gets at most one answer; a cancelled one gets none.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, BinaryIO, cast

from swarmstead import __version__
from swarmstead.doors.toolservers.tools import Tool, ToolError

LATEST = "2025-11-25"
SUPPORTED = (LATEST, "2025-06-18", "2025-03-26")
_BATCHES = "2025-03-26"  # the only revision whose clients may send several messages in one array

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603
EXPECT = "swarmstead.dev/expect"
MAX_LINE = 4 * 1024 * 1024
MAX_BATCH = 50
MAX_RUNNING = 8
GRACE_S = 2.0

Message = dict[str, Any]


class _Refused(Exception):
    """Becomes a JSON-RPC error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Server:
    """One conversation with one client: messages come from `source` and go to the descriptor `sink`."""

    def __init__(self, name: str, tools: Sequence[Tool], source: BinaryIO, sink: int) -> None:
        self._name = name
        self._tools = {tool.name: tool for tool in tools}
        self._source = source
        self._sink = sink
        self._version = ""  # until `initialize`
        self._warm = False
        self._writing = threading.Lock()
        self._slots = threading.Semaphore(MAX_RUNNING)
        self._threads: set[threading.Thread] = set()
        self._running: set[int | str] = set()
        self._cancelled: set[int | str] = set()

    def serve(self) -> None:
        """Answer until stdin ends."""
        while line := self._source.readline(MAX_LINE + 1):
            if len(line) > MAX_LINE and not line.endswith(b"\n"):
                self._skip_line()
                self._send(_error(None, INVALID_REQUEST, f"The message is longer than {MAX_LINE} bytes."))
            elif line.strip():
                self._take(line)
        self._finish()

    def _skip_line(self) -> None:
        while (rest := self._source.readline(MAX_LINE)) and not rest.endswith(b"\n"):
            pass

    def _finish(self) -> None:
        deadline = time.monotonic() + GRACE_S
        for thread in tuple(self._threads):
            thread.join(max(0.0, deadline - time.monotonic()))

    def _take(self, line: bytes) -> None:
        try:
            message: Any = json.loads(line, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            self._send(_error(None, PARSE_ERROR, "The message is not JSON."))
            return
        if isinstance(message, list) and self._version == _BATCHES:
            self._take_batch(cast("list[Any]", message))
            return
        if isinstance(message, dict) and cast("Message", message).get("method") == "tools/call":
            self._run_aside(lambda: self._answer(cast("Message", message)), cast("Message", message))
            return
        self._send(self._answer(message))
        if self._version and not self._warm:
            self._warm = True
            for tool in self._tools.values():
                tool.checker()  # while the client reads our first answer

    def _take_batch(self, batch: list[Any]) -> None:
        if not 0 < len(batch) <= MAX_BATCH:
            self._send(_error(None, INVALID_REQUEST, f"A batch holds 1 to {MAX_BATCH} messages."))
            return
        self._run_aside(lambda: [answer for one in batch if (answer := self._answer(one))], {})

    def _run_aside(self, work: Callable[[], Message | list[Message] | None], message: Message) -> None:
        request_id = message.get("id")
        known = request_id if _is_id(request_id) else None
        self._slots.acquire()
        if known is not None:
            self._running.add(known)
        thread = threading.Thread(target=self._run, args=(work, known), daemon=True)
        self._threads.add(thread)
        thread.start()

    def _run(self, work: Callable[[], Message | list[Message] | None], request_id: int | str | None) -> None:
        try:
            answer = work()
            if request_id is None or request_id not in self._cancelled:
                self._send(answer)
        finally:
            if request_id is not None:
                self._running.discard(request_id)
                self._cancelled.discard(request_id)
            self._threads.discard(threading.current_thread())
            self._slots.release()

    def _send(self, message: Message | list[Message] | None) -> None:
        if not message:
            return
        data = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        with self._writing, suppress(OSError):  # nobody listens any more; the end of stdin follows
            rest = memoryview(data + b"\n")
            while rest:
                rest = rest[os.write(self._sink, rest) :]

    def _answer(self, message: Any) -> Message | None:
        """The response to one message; None for a notification and for a response to us (we ask nothing)."""
        request = cast("Message", message) if isinstance(message, dict) else {}
        request_id, method, params = request.get("id"), request.get("method"), request.get("params", {})
        if (
            request.get("jsonrpc") != "2.0"
            or not isinstance(method, str)
            or not ("id" not in request or _is_id(request_id))
        ):
            is_response = "method" not in request and ("result" in request or "error" in request)
            known = request_id if _is_id(request_id) else None
            return None if is_response else _error(known, INVALID_REQUEST, "Not a JSON-RPC 2.0 message.")
        if "id" not in request:
            self._notified(method, params)
            return None
        try:
            return {"jsonrpc": "2.0", "id": request_id, "result": self._result(method, params)}
        except _Refused as refusal:
            return _error(request_id, refusal.code, str(refusal))
        except Exception:  # noqa: BLE001 - a bug in one tool must not leave its caller waiting
            import traceback

            traceback.print_exc()  # stderr: the client keeps its tail
            return _error(request_id, INTERNAL_ERROR, "The server failed; its standard error says why.")

    def _notified(self, method: str, params: Any) -> None:
        if method != "notifications/cancelled" or not isinstance(params, dict):
            return
        request_id = cast("Message", params).get("requestId")
        if _is_id(request_id) and request_id in self._running:
            self._cancelled.add(request_id)

    def _result(self, method: str, params: Any) -> Message:
        if not isinstance(params, dict):
            raise _Refused(INVALID_PARAMS, "`params` must be an object.")
        if method == "ping":
            return {}
        if method == "initialize":
            return self._initialize(cast("Message", params))
        if method not in ("tools/list", "tools/call"):
            raise _Refused(METHOD_NOT_FOUND, f"This server does not know the method {method[:100]!r}.")
        if not self._version:
            raise _Refused(INVALID_REQUEST, "Send `initialize` first.")
        if method == "tools/list":
            return {"tools": [tool.definition() for tool in self._tools.values()]}
        return self._call(cast("Message", params))

    def _initialize(self, params: Message) -> Message:
        asked = params.get("protocolVersion")
        if not isinstance(asked, str):
            raise _Refused(INVALID_PARAMS, "`protocolVersion` must be a string.")
        self._version = asked if asked in SUPPORTED else LATEST
        return {
            "protocolVersion": self._version,
            "capabilities": {"tools": {"listChanged": False}},
            "serverInfo": {"name": f"swarmstead-{self._name}", "version": __version__},
        }

    def _call(self, params: Message) -> Message:
        name, arguments = params.get("name"), params.get("arguments", {})
        if not isinstance(name, str) or not isinstance(arguments, dict):
            raise _Refused(INVALID_PARAMS, "`name` must be a string and `arguments` an object.")
        tool = self._tools.get(name)
        if tool is None:
            raise _Refused(INVALID_PARAMS, f"Unknown tool: {name[:100]!r}. This server has {', '.join(self._tools)}.")
        try:
            structured = tool.call(cast("Message", arguments), _expectation(params))
        except ToolError as error:
            return {"content": [_text(str(error))], "isError": True}
        except OSError as error:
            return {"content": [_text(f"Failed: {error.strerror or type(error).__name__}.")], "isError": True}
        body = json.dumps(structured, ensure_ascii=False, separators=(",", ":"))
        return {"content": [_text(body)], "structuredContent": structured, "isError": False}


def _expectation(params: Message) -> Message | None:
    meta = params.get("_meta")
    if not isinstance(meta, dict) or EXPECT not in meta:
        return None
    found: Any = cast("Message", meta)[EXPECT]
    if not isinstance(found, dict):
        raise _Refused(INVALID_PARAMS, f"`_meta.{EXPECT}` must be an object.")
    return cast("Message", found)


def _text(body: str) -> Message:
    return {"type": "text", "text": body}


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _error(request_id: Any, code: int, message: str) -> Message:
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}
