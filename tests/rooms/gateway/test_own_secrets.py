"""A tool server that repeats the credential we gave it is not heard to, however it writes it, wherever it stands."""

import json
from typing import Any

import pytest

from swarmstead.gateway.adapters.mcp_messages import decode
from swarmstead.gateway.adapters.upstream_programs import resolved

SECRET = 'hush/"ü\\hush'


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("slashes", ["/", r"\/"], ids=["plain slashes", "escaped slashes"])
@pytest.mark.parametrize(
    "told",
    [
        {"id": 1, "result": {"content": [{"type": "text", "text": f"you sent {SECRET}, did you not"}]}},
        {"id": 1, "error": {"code": -32000, "message": SECRET, "data": {SECRET: [SECRET]}}},
        {"method": "notifications/message", "params": {"level": "info", "data": {"headers": SECRET}}},
    ],
    ids=["an answer", "an error", "a log line"],
)
def test_our_secret_is_taken_out_of_whatever_a_server_says(
    told: dict[str, Any], slashes: str, ascii_only: bool
) -> None:
    said = json.dumps({"jsonrpc": "2.0", **told}, ensure_ascii=ascii_only).replace("/", slashes)
    heard = json.dumps(decode(said.encode(), [SECRET]), ensure_ascii=False)
    assert ("hush" not in heard, "[redacted]" in heard) == (True, True)
    assert heard.replace("[redacted]", json.dumps(SECRET, ensure_ascii=False)[1:-1]) == json.dumps(
        {"jsonrpc": "2.0", **told}, ensure_ascii=False
    )


def test_the_credential_in_a_header_is_a_secret_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIT_TOKEN", "Bearer abcd-1234")
    assert resolved({"Authorization": "env:KIT_TOKEN", "X-Plain": "Bearer"}) == (
        {"Authorization": "Bearer abcd-1234", "X-Plain": "Bearer"},
        ("Bearer abcd-1234", "abcd-1234"),
    )


def test_an_answer_that_is_too_deep_to_look_through_is_none() -> None:
    deep = f'{{"jsonrpc":"2.0","id":1,"result":{"[" * 300}"{SECRET[:4]}"{"]" * 300}}}'
    assert decode(deep.encode(), [SECRET[:4]]) is None
