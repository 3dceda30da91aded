"""A stdio MCP server whose tools are what the JSON file named on its command line says at the moment it is asked.

With a second file on its command line it reads the first one once, at its start, and notes in the second what it is
asked, a line each. Called with `{"then": "end"}` it ends without an answer, with `{"then": "tell"}` it reads its
definitions anew and says 20 times that they have changed, then answers.
"""

import json
import sys
from pathlib import Path
from typing import Any

CHANGED = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}


class Server:
    """Answers from what it has read."""

    def __init__(self, definitions: Path, notes: Path | None) -> None:
        self._definitions = definitions
        self._notes = notes
        self._read = definitions.read_text() if notes else ""

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """The result of a request."""
        method, params = message["method"], message.get("params", {})
        if self._notes is not None:
            with self._notes.open("a") as notes:
                notes.write(f"{method}\n")
        if method == "initialize":
            info = {"name": "drifting", "version": "1"}
            return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": info}
        if method == "tools/list":
            return {"tools": json.loads(self._read or self._definitions.read_text())}
        then = params.get("arguments", {}).get("then")
        if then == "end":
            sys.exit(1)
        if then == "tell":
            self._read = self._definitions.read_text()
            for _ in range(20):
                write(CHANGED)
        return {"content": [{"type": "text", "text": "done"}]}


def write(message: dict[str, Any]) -> None:
    """A line."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Answer until stdin ends."""
    definitions, *notes = map(Path, sys.argv[1:])
    server = Server(definitions, notes[0] if notes else None)
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" in asked:
            write({"jsonrpc": "2.0", "id": asked["id"], "result": server.answer(asked)})


if __name__ == "__main__":
    main()
