"""The everything server, by itself and behind a gateway that `stead up` has started."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest_asyncio
import yaml

from tests.conformance.forwarder import forwarding
from tests.doors.cli.helpers import stead, up
from tests.fakes.everything import PROMPTS, Everything, serving

AT_ANY_PACE = {"STEAD_RATE_PER_IDENTITY": "0", "STEAD_RATE_PER_TENANT": "0"}
"""The suite calls as fast as it can; limits have tests of their own."""


@pytest_asyncio.fixture
async def direct() -> AsyncGenerator[str]:
    """The address of the everything server."""
    async with serving() as address:
        yield address


@pytest_asyncio.fixture
async def gateway(direct: str, tmp_path: Path) -> AsyncGenerator[str]:
    """The address of the tool set that shows all of it, for a client that sends no credentials."""
    tmp_path.joinpath("everything.yaml").write_text(manifests(direct))
    with up(tmp_path, tmp_path / "data", env=AT_ANY_PACE) as server:
        applied = await asyncio.to_thread(stead, tmp_path, "apply", "-f", "everything.yaml")
        assert applied.code == 0, applied
        async with forwarding(f"{server.address}/mcp/everything", server.key) as address:
            yield address


def manifests(address: str) -> str:
    """The everything server declared: every tool is classed as reading, and all is granted and shown to outsiders."""
    tools = sorted(Everything().tools)
    all_of_it = {"server": "everything", "tools": tools, "resources": ["test://*"], "prompts": sorted(PROMPTS)}
    specs = {
        "ToolServer": {"transport": "http", "url": address, "risk": dict.fromkeys(tools, "read")},
        "Binding": {"agent": "*", **all_of_it},
        "ToolSet": {"select": [all_of_it]},
    }
    return yaml.safe_dump_all(
        {"apiVersion": "swarmstead.dev/v1alpha1", "kind": kind, "metadata": {"name": "everything"}, "spec": spec}
        for kind, spec in specs.items()
    )
