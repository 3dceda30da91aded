"""Where a request of ours may go. Denied by default, and pure: names are resolved elsewhere, the result is judged here.

A request is let out when its host and every address of it pass these rules, in this order:

1. `block` wins over everything: a host, or a network that holds one of the addresses.
2. An address listed in `allow`, by its network, is let out. A cloud's metadata address has to be listed alone (`/32`,
   `/128`): no wider network opens it.
3. A host listed in `allow`, by its name, may have public, private and shared (carrier-grade NAT) addresses. Loopback,
   link-local and the rest stay shut: whoever answers for the name must not be able to point it at ourselves.
4. Otherwise all addresses must be public, the scheme https, and `public` true.

An IPv6 address that carries an IPv4 address (NAT64, 6to4, Teredo and the like) has to pass with both.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Literal

from swarmstead.gateway.addresses import Address, Network, Purpose, embedded, plain, purpose_of
from swarmstead.gateway.targets import BadTarget, Target, parse_host, parse_port

Rule = Literal["blocked", "no-address", "not-public", "plain-http", "public-off"]
_BY_NAME: frozenset[Purpose] = frozenset({"public", "private", "shared"})
_WORDS: dict[Purpose, str] = {
    "public": "a public address",
    "private": "a private address",
    "shared": "an address of carrier-grade NAT",
    "loopback": "a loopback address",
    "link-local": "a link-local address",
    "metadata": "a cloud's metadata address",
    "special": "an address that is no host on the internet",
}
WAY_OUT = "If it is meant to be reached, list it in STEAD_EGRESS_ALLOW on the server."


class EgressDenied(Exception):
    """A host or address may not be reached. Says which rule it broke and never an address that a name resolved to."""

    def __init__(self, rule: Rule, why: str, address: Address | None = None) -> None:
        super().__init__(f"{why} (egress rule: {rule})")
        self.rule: Rule = rule
        self.address = address


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a list: a host, all hosts under a domain, or a network; each perhaps for one port only (0: any)."""

    host: str = ""
    domain: str = ""
    network: Network | None = None
    port: int = 0

    def names(self, target: Target) -> bool:
        """Whether the target's name is meant."""
        if self.network is not None or target.address is not None or self.port not in {0, target.port}:
            return False
        return target.host == self.host if self.host else target.host.endswith("." + self.domain)

    def holds(self, address: Address, port: int) -> bool:
        """Whether the address is meant. A metadata address is only by a network that is nothing else."""
        wide = self.network is not None and self.network.num_addresses > 1
        return self.covers(address, port) and not (wide and purpose_of(address) == "metadata")

    def covers(self, address: Address, port: int) -> bool:
        """As `holds`, metadata addresses included: for the block list."""
        network = self.network
        return (
            network is not None and self.port in {0, port} and address.version == network.version and address in network
        )


@dataclass(frozen=True, slots=True)
class Egress:
    """The rules in force. As constructed: public hosts over https, and nothing else."""

    allow: tuple[Entry, ...] = ()
    block: tuple[Entry, ...] = ()
    public: bool = True

    def check(self, target: Target) -> None:
        """What can be said without resolving a name. Fails: EgressDenied."""
        if target.address is not None:
            self.admit(target, [target.address])
            return
        self._check_name(target)
        # A name that is not listed may still turn out to have a listed address.
        if not self._listed(target) and not any(one.network and one.port in {0, target.port} for one in self.allow):
            self._check_public(target)

    def admit(self, target: Target, addresses: Iterable[Address]) -> tuple[Address, ...]:
        """The addresses to connect to, in their order, each in its plain form. Fails: EgressDenied if any is bad."""
        self._check_name(target)
        by_name = self._listed(target)
        admitted = tuple(dict.fromkeys(plain(address) for address in addresses))
        if not admitted:
            raise EgressDenied("no-address", "its host has no address")
        for address in admitted:
            for one in (address, *embedded(address)):
                self._check_address(target, one, by_name=by_name)
        return admitted

    def _listed(self, target: Target) -> bool:
        return any(one.names(target) for one in self.allow)

    def _check_name(self, target: Target) -> None:
        if any(one.names(target) for one in self.block):
            raise EgressDenied("blocked", "its host is on the block list")

    def _check_address(self, target: Target, address: Address, *, by_name: bool) -> None:
        if any(one.covers(address, target.port) for one in self.block):
            raise EgressDenied("blocked", "its address is on the block list", address)
        if any(one.holds(address, target.port) for one in self.allow):
            return
        purpose = purpose_of(address)
        if by_name and purpose in _BY_NAME:
            return
        if purpose != "public":
            raise EgressDenied("not-public", f"its host stands for {_WORDS[purpose]}", address)
        self._check_public(target)

    def _check_public(self, target: Target) -> None:
        if not self.public:
            raise EgressDenied("public-off", "hosts that are not listed are not reached")
        if target.scheme != "https":
            raise EgressDenied("plain-http", "a public host is reached over https only, unless it is listed")


def parse_entries(text: str) -> tuple[Entry, ...]:
    """A comma-separated list of `host`, `*.domain`, `address` or `network/bits`, each with an optional `:port`.

    Fails: ValueError, which names the entry.
    """
    return tuple(_entry(part) for part in (piece.strip() for piece in text.split(",")) if part)


def _entry(text: str) -> Entry:
    try:
        bare, port = _without_port(text)
        if bare.startswith("*."):
            return Entry(domain=_name(bare[2:]), port=port)
        if "/" in bare:
            return Entry(network=ip_network(bare.replace("[", "").replace("]", "")), port=port)
        name, address = parse_host(bare)
    except ValueError as error:
        why = f": {error.problem}" if isinstance(error, BadTarget) else ""
        raise ValueError(f"has {text!r}, which is no host, *.domain, address or network{why}") from error
    if address is None:
        return Entry(host=name, port=port)
    return Entry(network=ip_network(plain(address)), port=port)


def _without_port(text: str) -> tuple[str, int]:
    """`host:80` as `("host", 80)`. An IPv6 address or network has a port only behind brackets."""
    bare, colon, port = text.rpartition(":")
    if not colon or (":" in bare and "]" not in bare):
        return text, 0
    return bare, parse_port(port)


def _name(text: str) -> str:
    name, address = parse_host(text)
    if address is not None:
        raise BadTarget("an address has no subdomains")
    return name


LOOPBACK = parse_entries("127.0.0.0/8, ::1")
"""What a server that itself listens on loopback adds to its allow-list: development on one machine."""


def rules(allow: str = "", block: str = "", *, public: bool = True, listens_on: str = "") -> Egress:
    """The rules as settings say them. Fails: ValueError, which names the entry that cannot be read.

    `listens_on` is the address of the server itself: on loopback, it may reach loopback.
    """
    return Egress(
        parse_entries(allow) + (LOOPBACK if is_loopback(listens_on) else ()), parse_entries(block), public=public
    )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine and nothing else."""
    try:
        name, address = parse_host(host)
    except BadTarget:
        return False
    return name == "localhost" if address is None else purpose_of(address) == "loopback"
