"""A stdio MCP server that misbehaves on demand. `python mcp_stdio_server.py [START]`; the tool's name says what to do.

START is how it begins: `ready` (default), `never` answers, `exit` at once, `refuse` the handshake, speak a `future`
revision, or list tools in `endless` pages, a `loose` list, or an `odd` one.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

seen: list[dict[str, Any]] = []


def send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def receive() -> dict[str, Any]:
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    seen.append(json.loads(line))
    return seen[-1]


def answer(request: dict[str, Any], structured: dict[str, Any]) -> None:
    content = [{"type": "text", "text": json.dumps(structured)}]
    send({"id": request["id"], "result": {"content": content, "structuredContent": structured, "isError": False}})


def initialize(request: dict[str, Any], start: str) -> None:
    if start == "never":
        return
    if start == "exit":
        sys.stderr.write(f"the key {os.environ.get('KEY', '')} is wrong\x1b[31m\n")
        sys.exit(7)
    if start == "refuse":
        send({"id": request["id"], "error": {"code": -32602, "message": "not\nyou\x07"}})
        return
    version = "2099-01-01" if start == "future" else request["params"]["protocolVersion"]
    info = {"name": "fake", "version": "0"}
    send(
        {"id": request["id"], "result": {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}}
    )


def list_tools(request: dict[str, Any], start: str) -> None:
    page = int(request["params"].get("cursor", 0))
    result: dict[str, Any] = {"tools": [{"name": f"t{page}", "inputSchema": {"type": "object"}}]}
    if start == "endless" or page < 2:
        result["nextCursor"] = str(page + 1)
    if start == "loose":
        result = {"tools": "many"}
    if start == "odd":
        result = {"tools": [{"title": "no name"}]}
    send({"id": request["id"], "result": result})


def ask_back(request: dict[str, Any]) -> None:
    for method in ["ping", "roots/list", "sampling/createMessage", "elicitation/create"]:
        send({"id": method, "method": method, "params": {}})
    send({"method": "notifications/message", "params": {"level": "info", "data": "hello"}})
    replies: dict[str, Any] = {}
    while len(replies) < 4:
        reply = receive()
        replies[reply["id"]] = reply.get("result", reply.get("error", {}).get("code"))
    answer(request, replies)


def flood(_request: dict[str, Any]) -> None:
    try:
        for number in range(10_000_000):
            sys.stdout.write(f"debug: line {number}\n")
    except BrokenPipeError:
        os._exit(1)


def huge(_request: dict[str, Any]) -> None:
    try:
        for _ in range(100):
            sys.stdout.write("x" * 1_000_000)
    except BrokenPipeError:
        os._exit(1)


def stubborn(request: dict[str, Any]) -> None:
    """Leave only when killed, and have a child that holds our pipes and would leave no sooner."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    answer(request, {"pids": [os.getpid(), child.pid]})
    while True:
        signal.pause()


def parent(request: dict[str, Any]) -> None:
    """Die and leave a child behind that holds our stdout."""
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    send({"method": "notifications/message", "params": {"level": "info", "data": child.pid}})
    answer(request, {"pids": [child.pid]})
    os._exit(0)


def echo(request: dict[str, Any]) -> None:
    env = dict(os.environ)
    backwards = {name: value[::-1] for name, value in env.items()}
    about = {"pid": os.getpid(), "env": env, "backwards": backwards, "argv": sys.argv}
    answer(request, {"params": request["params"], **about})


def die(_request: dict[str, Any]) -> None:
    sys.stderr.write("out of memory\n")
    sys.stderr.flush()
    os._exit(3)


def answer_and_die(request: dict[str, Any]) -> None:
    answer(request, {"last": "word"})
    os._exit(0)


def close_stdout(_request: dict[str, Any]) -> None:
    os.close(1)
    signal.pause()


def chatty(request: dict[str, Any]) -> None:
    sys.stdout.write("Welcome to the server!\n\n")
    answer(request, {"ok": True})


def nonsense(_request: dict[str, Any]) -> None:
    sys.stdout.write('{"jsonrpc": "2.0", "id": 1, "result": {"content": [\n')
    sys.stdout.flush()


def deaf(request: dict[str, Any]) -> None:
    answer(request, {"ok": True})
    signal.pause()


def error(request: dict[str, Any]) -> None:
    code = request["params"]["arguments"]["code"]
    send({"id": request["id"], "error": {"code": code, "message": "no\x1b[0m luck"}})


def raw(request: dict[str, Any]) -> None:
    send({"id": request["id"], "result": request["params"]["arguments"]["result"]})


def verbatim(request: dict[str, Any]) -> None:
    """Answers with a result as it was written, whatever JSON says of it."""
    text = request["params"]["arguments"]["text"]
    sys.stdout.write(f'{{"jsonrpc":"2.0","id":{request["id"]},"result":{text}}}\n')
    sys.stdout.flush()


def ask_forever(_request: dict[str, Any]) -> None:
    """Ask, and go on asking, and read nothing of what comes back."""
    line = json.dumps({"jsonrpc": "2.0", "id": "q", "method": "roots/list", "params": {}}) + "\n"
    try:
        while True:
            sys.stdout.write(line * 100)
    except BrokenPipeError:
        os._exit(1)


def somebody_elses(request: dict[str, Any]) -> None:
    """Answer what was not asked, and then what was, twice."""
    send({"id": request["id"] + 1000, "result": {"content": [], "structuredContent": {"ok": False}}})
    answer(request, {"ok": True})
    answer(request, {"ok": False})


def tell(request: dict[str, Any]) -> None:
    answer(request, {"messages": seen})


def hang(_request: dict[str, Any]) -> None:
    pass


FAULTS = [
    die,
    answer_and_die,
    close_stdout,
    chatty,
    nonsense,
    flood,
    huge,
    ask_forever,
    somebody_elses,
    deaf,
    hang,
    error,
    stubborn,
    parent,
]
PLAIN = [echo, tell, ask_back, raw, verbatim]
TOOLS: dict[str, Callable[[dict[str, Any]], None]] = {tool.__name__: tool for tool in [*PLAIN, *FAULTS]}


def main() -> None:
    start = sys.argv[1] if len(sys.argv) > 1 else "ready"
    while True:
        request = receive()
        match request.get("method"):
            case "initialize":
                initialize(request, start)
            case "tools/list":
                list_tools(request, start)
            case "tools/call":
                TOOLS[request["params"]["name"]](request)
            case _:
                pass


main()
