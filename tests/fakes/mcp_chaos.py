"""A stdio MCP server whose every effect can be counted, and whose calls a test can hold: `python mcp_chaos.py FOLDER`.

Tools: `read` (a read), `put` (an effect that may be repeated), `append` (one that may not), `note` (unclassed), `look`
(a preview with structured content). FOLDER/chaos holds what they did: `calls` has a line for every call that began,
`lines` what `append` appended, `put-NAME` what was put, `pids` who we were.

Gates: while FOLDER/chaos/gate is a listening Unix socket, each call says `before TOOL KEY` on a connection of its own
and waits for a line, then acts, says `after TOOL KEY`, waits, and answers. A connection that ends lets it go on: so a
test that kills itself while it holds a call sees what a real program does then, which is to finish.
"""

import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

KEY = "swarmstead.dev/idempotency-key"
WRITE = {"readOnlyHint": False, "destructiveHint": False}
TEXT = {"type": "string", "maxLength": 100_000}
lock = threading.Lock()
root = Path(sys.argv[1]).resolve() / "chaos"


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": list(properties)}


TOOLS: list[dict[str, Any]] = [
    {"name": "read", "inputSchema": schema(name=TEXT), "annotations": {"readOnlyHint": True}},
    {"name": "look", "inputSchema": schema(line=TEXT), "annotations": {"readOnlyHint": True}},
    {"name": "put", "inputSchema": schema(name=TEXT, text=TEXT), "annotations": WRITE | {"idempotentHint": True}},
    {"name": "append", "inputSchema": schema(line=TEXT), "annotations": WRITE},
    {"name": "note", "inputSchema": schema(line=TEXT)},
]


def send(message: dict[str, Any]) -> None:
    with lock:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def add(name: str, line: str) -> None:
    with lock, (root / name).open("a") as file:
        file.write(line + "\n")


class Gate:
    """A test's hold on one call."""

    def __init__(self, tool: str, key: str) -> None:
        self._words = f"{tool} {key}"
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect("gate")  # a short path: the name of a socket may have 107 characters
        except OSError:
            self._socket.close()

    def pass_at(self, when: str) -> None:
        try:
            self._socket.sendall(f"{when} {self._words}\n".encode())
            self._socket.recv(64)
        except OSError:
            self._socket.close()


def read(arguments: dict[str, Any]) -> dict[str, Any]:
    name = str(arguments["name"])
    if name.startswith("size:"):
        return {"text": "x" * int(name.removeprefix("size:"))}
    path = root / f"text-{name}"
    return {"text": path.read_text() if path.exists() else f"the text of {name}"}


def look(arguments: dict[str, Any]) -> dict[str, Any]:
    path = root / "lines"
    before = path.read_text() if path.exists() else None
    return {"path": "lines", "before": before, "after": (before or "") + str(arguments["line"]) + "\n"}


def put(arguments: dict[str, Any]) -> dict[str, Any]:
    (root / f"put-{arguments['name']}").write_text(arguments["text"])
    return {"put": arguments["name"]}


def append(arguments: dict[str, Any]) -> dict[str, Any]:
    add("lines", arguments["line"])
    return {"appended": arguments["line"]}


ACTIONS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "read": read,
    "look": look,
    "put": put,
    "append": append,
    "note": append,
}


def call(request: dict[str, Any]) -> None:
    params = request["params"]
    tool, key = str(params["name"]), str(params.get("_meta", {}).get(KEY, ""))
    add("calls", f"{tool} {key}")
    gate = Gate(tool, key)
    gate.pass_at("before")
    found = ACTIONS[tool](params["arguments"])
    gate.pass_at("after")
    if found.get("text") == "fail":
        send({"id": request["id"], "result": {"content": [{"type": "text", "text": "no such name"}], "isError": True}})
        return
    content = [{"type": "text", "text": found["text"] if "text" in found else json.dumps(found)}]
    send({"id": request["id"], "result": {"content": content, "structuredContent": found, "isError": False}})


def main() -> None:
    root.mkdir(exist_ok=True)
    os.chdir(root)
    add("pids", f"{os.getpid()} {os.getppid()}")
    for line in sys.stdin:
        request = json.loads(line)
        match request.get("method"):
            case "initialize":
                version = request["params"]["protocolVersion"]
                info = {"name": "chaos", "version": "1"}
                result: dict[str, Any] = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
                send({"id": request["id"], "result": result})
            case "tools/list":
                tools = root / "tools.json"
                send(
                    {
                        "id": request["id"],
                        "result": {"tools": json.loads(tools.read_text()) if tools.exists() else TOOLS},
                    }
                )
            case "tools/call":
                threading.Thread(target=call, args=[request]).start()
            case _:
                pass


main()
