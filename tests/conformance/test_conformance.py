"""What passes with a server alone must pass through the gateway too, in both eras of the protocol."""

from pathlib import Path

import pytest

from tests.conformance.suite import ERAS, run

ALONE = {"2025-11-25": 84, "2026-07-28": 151}
"""Checks that the SDK's server passes by itself, optional extensions left out.

One does not pass in the newer era: the SDK's server compares `Mcp-Name` before it has taken blanks off its end.
"""


@pytest.mark.parametrize("era", ERAS)
async def test_whatever_passes_with_the_server_alone_passes_through_the_gateway(
    era: str, direct: str, gateway: str, tmp_path: Path
) -> None:
    alone = await run(direct, era, tmp_path / "alone")
    through = await run(gateway, era, tmp_path / "through")
    assert alone.scored.passed.total() >= ALONE[era], alone.scored.failed
    lost = alone.passed - through.passed
    assert not lost, {check: through.failed.get(check, "not made") for check in lost}
