"""What the MCP door speaks: JSON-RPC 2.0 as MCP's Streamable HTTP carries it. Pure."""

from collections.abc import Mapping
from typing import Any, cast

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26")
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL = -32700, -32600, -32601, -32602, -32603
PLAN_META = "swarmstead.dev/plan-id"


class RpcError(Exception):
    """An error that a client gets as a JSON-RPC error object."""

    def __init__(self, code: int, message: str, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def body(self, id_: Any) -> dict[str, Any]:
        """The response object."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.data:
            error["data"] = dict(self.data)
        return {"jsonrpc": "2.0", "id": id_, "error": error}


def check_request(message: Any) -> tuple[str, Any, Mapping[str, Any]]:
    """(method, id, params) of a JSON-RPC message; the id is None for a notification. Fails: RpcError."""
    if isinstance(message, list):
        raise RpcError(INVALID_REQUEST, "Batches are not part of MCP; send one message at a time.")
    fields = cast("dict[str, Any]", message) if isinstance(message, dict) else {}
    if fields.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, "This is not a JSON-RPC 2.0 message.")
    method, id_, params = fields.get("method"), fields.get("id"), fields.get("params", {})
    if not isinstance(method, str):
        raise RpcError(INVALID_REQUEST, "A request names a method.")
    if "id" in fields and (isinstance(id_, bool) or not isinstance(id_, str | int)):
        raise RpcError(INVALID_REQUEST, "An id is a string or a whole number.")
    if not isinstance(params, dict):
        raise RpcError(INVALID_PARAMS, "Params are an object.")
    return method, id_, cast("dict[str, Any]", params)


def negotiate(wanted: Any) -> str:
    """The version to speak: the client's if we know it, else our newest."""
    return wanted if wanted in VERSIONS else VERSIONS[0]
