"""The current SDK and the one before it are told the same by the gateway, and the same as by the server behind it."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.clients import story
from tests.conformance.conftest import AT_ANY_PACE, manifests
from tests.doors.cli.helpers import stead, up
from tests.fakes import everything

FOLDER = Path(story.__file__).parent
PREVIOUS = FOLDER / ".venv/bin/python"
PINNED = (FOLDER / "requirements.txt").read_text()


@dataclass(frozen=True)
class Both:
    """The address of the everything server, and that of the gateway in front of it with a key for it."""

    direct: str
    gateway: str
    key: str


@pytest.fixture(autouse=True)
def installed() -> None:
    assert PREVIOUS.exists(), "The previous SDK is not installed: run `make clients`."


@pytest_asyncio.fixture
async def both(tmp_path: Path) -> AsyncGenerator[Both]:
    async with everything.serving() as direct:
        tmp_path.joinpath("everything.yaml").write_text(manifests(direct))
        with up(tmp_path, tmp_path / "data", env=AT_ANY_PACE) as server:
            applied = await asyncio.to_thread(stead, tmp_path, "apply", "-f", "everything.yaml")
            assert applied.code == 0, applied
            yield Both(direct, f"{server.address}/mcp/everything", server.key)


async def told(python: str | Path, address: str, key: str) -> dict[str, Any]:
    """The story of a client that runs under this interpreter."""
    process = await asyncio.create_subprocess_exec(
        python, story.__file__, address, key, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()[-3000:]
    return json.loads(out)


@pytest.mark.parametrize("python", [sys.executable, PREVIOUS], ids=["current", "previous"])
async def test_a_client_is_told_by_the_gateway_what_the_server_would_tell_it(both: Both, python: str | Path) -> None:
    direct = await told(python, both.direct, "none")
    gateway = await told(python, both.gateway, both.key)
    assert gateway["protocol"] == "2025-11-25"
    assert gateway["progress"], "no progress came through"
    own = {name: gateway[name] for name in ("capabilities", "unknown", "no resource")}  # the gateway speaks for itself
    assert gateway == direct | own
    assert gateway["no resource"] == -32002
    assert set(direct["capabilities"]) <= {*gateway["capabilities"]}


async def test_both_are_told_the_same(both: Both) -> None:
    current, previous = [await told(python, both.gateway, both.key) for python in (sys.executable, PREVIOUS)]
    assert (current.pop("sdk")[0], f"mcp=={(found := previous.pop('sdk'))}" in PINNED, found[0]) == ("2", True, "1")
    assert current == previous
