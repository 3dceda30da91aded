"""A stdio MCP server whose tools are what the JSON file named on its command line says at the moment it is asked."""

import json
import sys
from pathlib import Path
from typing import Any


def _result(message: dict[str, Any], definitions: Path) -> dict[str, Any]:
    if message["method"] == "initialize":
        version = message["params"]["protocolVersion"]
        info = {"name": "drifting", "version": "1"}
        return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
    if message["method"] == "tools/list":
        return {"tools": json.loads(definitions.read_text())}
    return {"content": [{"type": "text", "text": "done"}]}


def main() -> None:
    """Answer until stdin ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" in asked:
            answer = {"jsonrpc": "2.0", "id": asked["id"], "result": _result(asked, Path(sys.argv[1]))}
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
