"""A stdio tool server that tells its environment: in an answer (`tell`), an error (`refuse`), as it dies (`die`)."""

import json
import os
import sys
from typing import Any

NAMES = ("tell", "refuse", "die")
SCHEMA = {"type": "object", "additionalProperties": False}


def answer(request: dict[str, Any], **outcome: Any) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": request["id"], **outcome}) + "\n")
    sys.stdout.flush()


def call(request: dict[str, Any]) -> None:
    everything = json.dumps(dict(os.environ))
    match request["params"]["name"]:
        case "tell":
            answer(request, result={"content": [{"type": "text", "text": everything}], "isError": False})
        case "refuse":
            answer(request, error={"code": -32000, "message": os.environ["TOKEN"], "data": dict(os.environ)})
        case _:
            sys.stderr.write(f"cannot go on with {os.environ['TOKEN']}\n")
            sys.exit(3)


for line in sys.stdin:
    asked = json.loads(line)
    match asked.get("method"):
        case "initialize":
            version = asked["params"]["protocolVersion"]
            answer(asked, result={"protocolVersion": version, "capabilities": {}, "serverInfo": {}})
        case "tools/list":
            tools = [{"name": one, "inputSchema": SCHEMA, "annotations": {"readOnlyHint": True}} for one in NAMES]
            answer(asked, result={"tools": tools})
        case "tools/call":
            call(asked)
        case _:
            pass
