"""A URL taken apart strictly: what is not unmistakably one host, one port and one path is refused.

Parsers of URLs disagree, and an attacker lives on that: one takes `http://a@b`, `http://0x7f.1` or `http://①` for one
thing, another for something else. Here a host is ASCII, a number is a dotted quad or it is refused, and nothing is
repaired but upper case and one trailing dot.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from swarmstead.gateway.addresses import Address

_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?P<fragment>#.*)?",
    re.IGNORECASE,
)
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[0-9]{1,5}")
_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65_535
_LONGEST = 253
_AUTHORITY_MISTAKES = (
    ("@", "it has a user name or password before the host", "Leave them out; a secret goes into a header."),
    ("%", "its host has a % (a zone, or an escaped character)", "Write the host plainly, without zone and escapes."),
    ("\\", "its host has a backslash", "Write the host plainly."),
)


class BadTarget(ValueError):
    """A URL that is no unmistakable http or https address. Never quotes it: it may hold a credential."""

    def __init__(self, problem: str, way_out: str = "Write it like `https://tools.example.org/mcp`.") -> None:
        super().__init__(problem)
        self.problem = problem
        self.way_out = way_out


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. `host` is a lower-case name or address; `address` is set when the URL names one itself."""

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None = None

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: what connections are kept by."""
        return (self.scheme, self.host, self.port)

    @property
    def authority(self) -> str:
        """Host and port as the `Host` header has them."""
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole address again, in its one normal form."""
        return f"{self.scheme}://{self.authority}{self.path}"


def parse_target(url: str) -> Target:
    """A URL's scheme, host, port and path (with its query). Fails: BadTarget.

    Cost: 5 us; done once per session, not per request.
    """
    if not url.isascii():
        raise BadTarget(
            "it has characters outside ASCII", "Write the host in its xn-- form and escape the path as %XX."
        )
    if not _VISIBLE.fullmatch(url):
        raise BadTarget("it is empty or has spaces or control characters")
    found = _URL.fullmatch(url)
    scheme = found["scheme"].lower() if found else ""
    if found is None or scheme not in _PORTS:
        raise BadTarget("it does not start with http:// or https://")
    if found["fragment"] is not None:
        raise BadTarget("it has a fragment (#…), which is never sent", "Leave it out.")
    host, port = _split(found["authority"], _PORTS[scheme])
    name, address = _host(host)
    return Target(scheme, name, port, (found["path"] or "/") + (found["query"] or ""), address)


def parse_host(text: str) -> tuple[str, Address | None]:
    """A host by itself, IPv6 with or without brackets, in its one normal form. Fails: BadTarget."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if ":" in bare:
        return _host(f"[{bare}]")
    return _host(bare)


def parse_port(text: str) -> int:
    """A port's number. Fails: BadTarget."""
    if not _PORT.fullmatch(text) or not 0 < int(text) <= _LAST_PORT:
        raise BadTarget("its port is no number from 1 to 65535")
    return int(text)


def _split(authority: str, default: int) -> tuple[str, int]:
    for mark, problem, way_out in _AUTHORITY_MISTAKES:
        if mark in authority:
            raise BadTarget(problem, way_out)
    host, colon, port = authority, "", ""
    if not authority.endswith("]"):
        host, colon, port = authority.rpartition(":")
        if not colon:
            host = authority
    if not host:
        raise BadTarget("it names no host")
    if not colon:
        return host, default
    return host, parse_port(port)


def _host(host: str) -> tuple[str, Address | None]:
    if host.startswith("["):
        address = _address(host.removeprefix("[").removesuffix("]")) if host.endswith("]") else None
        if not isinstance(address, IPv6Address) or address.scope_id is not None:
            raise BadTarget("what stands in brackets is no IPv6 address")
        return str(address), address
    name = host.lower()
    if _NUMBER.fullmatch(name.removesuffix(".").rpartition(".")[2]):
        address = _address(name)
        if not isinstance(address, IPv4Address):
            raise BadTarget(
                "its host is a number that is no dotted IPv4 address", "Write four decimal numbers, e.g. 192.0.2.7."
            )
        return str(address), address
    name = name.removesuffix(".")
    if not name or len(name) > _LONGEST or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise BadTarget("its host is no name of letters, digits, hyphens and dots")
    return name, None


def _address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
