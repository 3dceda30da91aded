"""Clients that take their time, fifty of each kind at once, before a real server: it serves the others and lets go."""

import json
import select
import socket
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil

from tests.doors.cli.helpers import Server, up

SOON = {f"STEAD_{name}_TIMEOUT_S": "1" for name in ("HEADER", "READ", "WRITE", "IDLE")}
EACH = 50
_PATIENCE_S = 30
_LIST = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})


@contextmanager
def connected(server: Server, sent: str) -> Generator[socket.socket]:
    """A connection on which this much was said."""
    parts = urlsplit(server.address)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=_PATIENCE_S) as one:
        one.sendall(sent.replace("HOST", parts.netloc).replace("KEY", server.key).encode())
        yield one


def what_came(one: socket.socket) -> bytes:
    """Everything that comes until the other side hangs up."""
    found = b""
    try:
        while data := one.recv(65_536):
            found += data
    except ConnectionResetError:
        return found
    return found


def served(server: Server) -> None:
    """Somebody else gets an answer."""
    headers = {"authorization": f"Bearer {server.key}", "content-type": "application/json"}
    with httpx.Client(base_url=server.address, headers=headers, timeout=_PATIENCE_S) as client:
        assert client.post("/mcp", content=_LIST).json()["result"] == {"tools": []}


def test_slow_clients_are_let_go_of_and_the_others_are_served(tmp_path: Path) -> None:
    post = "POST /mcp HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer KEY\r\nContent-Type: application/json\r\n"
    kinds = {
        "nothing": "",
        "half a line": "POST /mc",
        "headers without end": "GET /healthz HTTP/1.1\r\nHost: HOST\r\nX-One: ",
        "a body that stops": f"{post}Content-Length: 500\r\n\r\n{{",
        "chunks that stop": f"{post}Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n",
        "an idle connection": "GET /healthz HTTP/1.1\r\nHost: HOST\r\n\r\n",
    }
    with up(tmp_path, tmp_path / "data", env=SOON) as server, ExitStack() as stack:
        served(server)
        process = psutil.Process(server.process.pid)
        before = process.num_fds()
        slow = {
            kind: [stack.enter_context(connected(server, sent)) for _ in range(EACH)] for kind, sent in kinds.items()
        }
        served(server)
        said = {kind: {what_came(one) for one in ones} for kind, ones in slow.items()}
        served(server)
        assert process.num_fds() <= before + 5
    assert all(b" 200 " in one for one in said["an idle connection"])
    for kind in ("a body that stops", "chunks that stop"):
        assert all(b" 408 " in one and b"did not arrive" in one for one in said[kind]), kind
    for kind in ("nothing", "half a line", "headers without end"):
        assert all(b" 200 " not in one for one in said[kind]), kind


def test_a_stream_whose_client_reads_nothing_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """Open streams of clients that are not there any more are no reason to wait when the server is told to stop."""
    ask = "GET /api/v1/events HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer KEY\r\nAccept: text/event-stream\r\n\r\n"
    with up(tmp_path, tmp_path / "data", env=SOON) as server, ExitStack() as stack:
        streams = [stack.enter_context(connected(server, ask)) for _ in range(EACH)]
        for one in streams:
            assert select.select([one], [], [], _PATIENCE_S)[0], "a stream did not begin"
        served(server)
        assert server.stop() == 0
