"""Secrets in declarations: references only, and nothing else is shown."""

from typing import Any

import pytest

from swarmstead.gateway.contract import ToolServerSpec
from swarmstead.gateway.gateway import check_server
from swarmstead.gateway.reach import HIDDEN, hidden
from swarmstead.kernel.errors import BadInput

SECRET = f"ghp_{'a' * 36}"
HTTP = {"transport": "http", "url": "https://tools.example.org/mcp"}


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (HTTP | {"headers": {"Authorization": "Bearer pasted-plain-secret"}}, "headers.Authorization"),
        (HTTP | {"headers": {"X-Api-Key": "pasted-plain-secret"}}, "headers.X-Api-Key"),
        (HTTP | {"headers": {"Cookie": "session=pasted-plain-secret"}}, "headers.Cookie"),
        (HTTP | {"headers": {"X-Who": "Basic pasted-plain-secret"}}, "headers.X-Who"),
        (HTTP | {"headers": {"X-Who": HIDDEN}}, "headers.X-Who"),
        (HTTP | {"url": "https://me:pasted-plain-secret@tools.example.org/mcp"}, "url"),
        (HTTP | {"url": "https://tools.example.org/mcp?api_key=pasted-plain-secret"}, "url"),
        ({"transport": "stdio", "command": ("x",), "env": {"GITHUB_TOKEN": "pasted-plain-secret"}}, "env.GITHUB_TOKEN"),
        ({"transport": "stdio", "command": ("x",), "env": {"OTHER": f"{SECRET}"}}, "env.OTHER"),
        ({"transport": "stdio", "command": ("x",), "env": {"DB": "pg://me:pasted-plain-secret@h/d"}}, "env.DB"),
        ({"transport": "stdio", "command": ("x", "--token=pasted-plain-secret")}, "command"),
        ({"transport": "stdio", "command": ("x", "--api-key", "pasted-plain-secret")}, "command"),
    ],
)
def test_a_pasted_secret_is_refused_and_not_repeated(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as refusal:
        check_server(ToolServerSpec(**spec))
    assert refusal.value.field == field
    assert "pasted-plain-secret" not in str(refusal.value.problem())


@pytest.mark.parametrize(
    "spec",
    [
        HTTP | {"headers": {"Authorization": "env:TOKEN", "X-Api-Key": "file:/run/key", "X-Team": "sre"}},
        {"transport": "stdio", "command": ("x", "--verbose", "--token-file=/run/t"), "env": {"LOG_LEVEL": "debug"}},
        {"transport": "stdio", "command": ("x",), "env": {"PASSWORD_FILE": "/run/secrets/p", "TOKEN": "env:TOKEN"}},
    ],
)
def test_references_and_plain_values_pass(spec: dict[str, Any]) -> None:
    check_server(ToolServerSpec(**spec))


def test_no_view_shows_a_value_that_is_no_reference() -> None:
    spec = {"headers": {"Authorization": "env:T", "X-Old": "pasted"}, "env": {"A": "b"}, "url": "u"}
    assert hidden(spec) == {"headers": {"Authorization": "env:T", "X-Old": HIDDEN}, "env": {"A": HIDDEN}, "url": "u"}
