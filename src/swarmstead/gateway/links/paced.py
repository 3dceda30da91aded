"""A dry run is a call as well: it takes a token and a slot of the tool that it is for, and so does the question.

Without this, whoever may ask could fill the inbox, and a tool server, as fast as the network allows.
"""

from typing import Any

from swarmstead.gateway.catalogue import Catalogue
from swarmstead.gateway.chain import Call
from swarmstead.gateway.links.load import Load
from swarmstead.gateway.links.permit import DryRun
from swarmstead.gateway.links.rate import Rate
from swarmstead.gateway.ports import Upstream
from swarmstead.gateway.trail import Trail


class PacedDryRun(DryRun):
    """`DryRun`, once rate and load let the call in."""

    def __init__(self, upstream: Upstream, catalogue: Catalogue, trail: Trail, rate: Rate, load: Load) -> None:
        super().__init__(upstream, catalogue, trail)
        self._rate = rate
        self._load = load

    async def of(self, call: Call) -> tuple[dict[str, Any], dict[str, Any]]:
        """As `DryRun.of`. Fails: RateExceeded, Overloaded, Shed."""
        await self._rate.admit(call)
        slots = await self._load.enter(call)
        try:
            return await super().of(call)
        finally:
            self._load.leave(slots)
