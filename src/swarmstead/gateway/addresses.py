"""What an IP address is for, and which other addresses hide inside it. Pure; no name is resolved here.

The tables follow IANA's registries of special-purpose addresses (RFC 6890 and its updates). `ipaddress.is_global` is
not enough: it takes NAT64, 6to4, site-local and IPv4-compatible addresses for global ones.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Purpose = Literal["public", "private", "shared", "loopback", "link-local", "metadata", "special"]
"""`shared` is carrier-grade NAT (RFC 6598). `special` is everything else that is no host on the internet: multicast,
reserved, documentation, benchmarking, unspecified, and the IPv6 forms that carry an IPv4 address."""

_METADATA = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, Google, OpenStack and others
        "169.254.170.2",  # AWS: credentials of containers
        "169.254.170.23",  # AWS: credentials of pods
        "168.63.129.16",  # Azure's host agent; looks public
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",  # AWS: credentials of pods
        "fd20:ce::254",  # Google
    )
)

_V4_TABLE: tuple[tuple[str, Purpose], ...] = (
    ("0.0.0.0/8", "special"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "special"),  # protocol assignments
    ("192.0.2.0/24", "special"),  # documentation
    ("192.31.196.0/24", "special"),  # AS112
    ("192.52.193.0/24", "special"),  # AMT
    ("192.88.99.0/24", "special"),  # 6to4 relays
    ("192.168.0.0/16", "private"),
    ("192.175.48.0/24", "special"),  # AS112
    ("198.18.0.0/15", "special"),  # benchmarking
    ("198.51.100.0/24", "special"),  # documentation
    ("203.0.113.0/24", "special"),  # documentation
    ("224.0.0.0/3", "special"),  # multicast, reserved, broadcast
)
_V4: tuple[tuple[IPv4Network, Purpose], ...] = tuple((IPv4Network(text), purpose) for text, purpose in _V4_TABLE)

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_V6_TABLE: tuple[tuple[str, Purpose], ...] = (
    ("::1/128", "loopback"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("2001::/23", "special"),  # protocol assignments, Teredo among them
    ("2001:db8::/32", "special"),  # documentation
    ("2002::/16", "special"),  # 6to4
    ("2620:4f:8000::/48", "special"),  # AS112
    ("3fff::/20", "special"),  # documentation
)
_V6: tuple[tuple[IPv6Network, Purpose], ...] = tuple((IPv6Network(text), purpose) for text, purpose in _V6_TABLE)

_MAPPED = IPv6Network("::ffff:0:0/96")
_COMPATIBLE = IPv6Network("::/96")
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")  # SIIT, RFC 2765
_NAT64 = IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
_6TO4 = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})


def plain(address: Address) -> Address:
    """The IPv4 address when this is its IPv4-mapped form: the system connects to that one. Else the address itself."""
    if isinstance(address, IPv6Address) and address in _MAPPED:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def purpose_of(address: Address) -> Purpose:
    """What an address is for. A NAT64 address is as public as the IPv4 address in it (RFC 6052, section 3.1)."""
    address = plain(address)
    if address in _METADATA:
        return "metadata"
    if isinstance(address, IPv4Address):
        return _listed(address, _V4) or "public"
    if address in _NAT64:
        inner = purpose_of(IPv4Address(int(address) & 0xFFFF_FFFF))
        return inner if inner in {"public", "metadata"} else "special"
    return _listed(address, _V6) or ("public" if address in _GLOBAL_UNICAST else "special")


def _listed(address: Address, table: Iterable[tuple[Network, Purpose]]) -> Purpose | None:
    for network, purpose in table:
        if address in network:
            return purpose
    return None


def embedded(address: Address) -> tuple[IPv4Address, ...]:
    """Every IPv4 address that a translator, relay or tunnel may take out of this one. Empty for most."""
    address = plain(address)
    if isinstance(address, IPv4Address):
        return ()
    return tuple(IPv4Address(value) for value in dict.fromkeys(_embedded(address)))


def _embedded(address: IPv6Address) -> Iterator[int]:
    value = int(address)
    low = value & 0xFFFF_FFFF
    if address in _NAT64 or address in _TRANSLATED or (address in _COMPATIBLE and low > 1):
        yield low
    if address in _NAT64_LOCAL:
        # The prefix may be /48, /56, /64 or /96 long, and bits 64 to 71 are skipped (RFC 6052, section 2.2).
        bits = f"{value:0128b}"
        yield from (int(bits[48:64] + bits[72:88], 2), int(bits[56:64] + bits[72:96], 2), int(bits[72:104], 2), low)
    if address in _6TO4:
        yield value >> 80 & 0xFFFF_FFFF
    if address in _TEREDO:
        yield value >> 64 & 0xFFFF_FFFF  # its server
        yield low ^ 0xFFFF_FFFF  # its client
    if value >> 32 & 0xFFFF_FFFF in _ISATAP:
        yield low
