"""Addresses that the egress rules let through: a name is looked up once, and every address of it is checked.

Whoever connects to what is found here, and looks up nothing again, cannot be led elsewhere by a name that changes its
mind (DNS rebinding).
"""

import logging
from ipaddress import ip_address

from swarmstead.gateway.adapters.http.errors import NotConnected, Refused
from swarmstead.gateway.adapters.http.resolver import SystemResolver
from swarmstead.gateway.addresses import Address
from swarmstead.gateway.egress import Egress, EgressDenied
from swarmstead.gateway.ports import Resolver
from swarmstead.gateway.targets import BadTarget, Target, parse_host

log = logging.getLogger(__name__)
_MOST_ADDRESSES = 16


class AdmittedAddresses:
    """For our own HTTP client, and for those of others: satisfies `models.ports.Addresses`."""

    def __init__(self, egress: Egress, resolver: Resolver | None = None) -> None:
        self._egress = egress
        self._resolver = resolver or SystemResolver()

    async def of(self, target: Target) -> tuple[Address, ...]:
        """The addresses to connect to, in their order. Fails: Refused, NotConnected."""
        try:
            self._egress.check(target)
            if target.address is not None:
                return self._egress.admit(target, [target.address])
            return self._egress.admit(target, await self._looked_up(target.host))
        except EgressDenied as denied:
            # The address is for the operator's log only: to a caller it would tell of the network behind us.
            log.warning("egress to %s denied: %s (address: %s)", target.authority, denied, denied.address or "-")
            raise Refused(str(denied)) from denied

    async def admitted(self, scheme: str, host: str, port: int) -> list[str]:
        """The same as text, for a host that somebody else has taken out of a URL.

        Fails: PermissionError where the rules refuse it, OSError where there is no address.
        """
        try:
            name, address = parse_host(host)
            return [str(one) for one in await self.of(Target(scheme, name, port, "/", address))]
        except (Refused, BadTarget) as refused:
            raise PermissionError(str(refused)) from refused
        except NotConnected as failed:
            raise OSError(str(failed)) from failed

    async def _looked_up(self, host: str) -> list[Address]:
        try:
            found = await self._resolver.resolve(host)
            return [ip_address(text) for text in found[:_MOST_ADDRESSES]]
        except (OSError, ValueError) as error:  # UnicodeError is a ValueError
            raise NotConnected(f"no connection to {host}: its name could not be looked up") from error
