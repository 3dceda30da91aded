"""Where requests may go: rules over addresses, names and ports, and every disguise an address can wear."""

import re
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmstead.gateway.addresses import embedded, plain, purpose_of
from swarmstead.gateway.egress import Egress, EgressDenied, Rule, is_loopback, parse_entries, rules
from swarmstead.gateway.targets import Target, parse_target

SHUT = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.254", "127.0.0.1", "127.255.255.254", "169.254.0.1",
    "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192",
]  # fmt: skip
SHUT_6 = [
    "::", "::1", "::2", "::7f00:1", "::ffff:127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1",
    "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::1", "3fff::1", "4000::1", "5f00::1", "fc00::1", "fd12:3456::1",
    "fd00:ec2::254", "fd20:ce::254", "fe80::1", "fec0::1", "ff02::1", "2620:4f:8000::1",
]  # fmt: skip
OPEN = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "169.253.1.1", "223.255.255.254"]
OPEN_6 = ["2606:4700::1111", "2a00:1450::1", "2001:4860:4860::8888", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"]

SOME = parse_target("https://tools.example.org/mcp")
CALLED = parse_target("http://mcp.intern.test:8900/mcp")

v4 = st.one_of(st.sampled_from([IPv4Address(text) for text in SHUT + OPEN]), st.ip_addresses(v=4))
v6 = st.one_of(st.sampled_from([IPv6Address(text) for text in SHUT_6 + OPEN_6]), st.ip_addresses(v=6))


def disguises(address: IPv4Address) -> list[IPv6Address]:
    """Every IPv6 address from which something on the way may take this IPv4 address."""
    number = int(address)
    high, low = number >> 16, number & 0xFFFF
    one, two, three, four = address.packed
    compatible = [IPv6Address(number)] if number > 1 else []  # :: and ::1 are something else
    return [
        *compatible,
        IPv6Address(f"::ffff:{address}"),
        IPv6Address(f"::ffff:0:{address}"),
        IPv6Address(f"64:ff9b::{address}"),
        IPv6Address(f"64:ff9b:1::{address}"),
        IPv6Address(f"64:ff9b:1:{high:x}:{low >> 8:x}:{(low & 0xFF) << 8:x}::"),
        IPv6Address(f"64:ff9b:1:{one:x}:{two:x}:{three << 8 | four:x}::"),
        IPv6Address(f"64:ff9b:1:0:{one:x}:{two << 8 | three:x}:{four << 8:x}:0"),
        IPv6Address(f"2002:{high:x}:{low:x}::1"),
        IPv6Address(f"2001:0:{high:x}:{low:x}::1"),
        IPv6Address(f"2001:0:808:808::{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}"),
        IPv6Address(f"2a00:1450::5efe:{address}"),
        IPv6Address(f"2a00:1450::200:5efe:{address}"),
    ]


def broken_rule(egress: Egress, target: Target, *addresses: str) -> Rule | None:
    try:
        egress.admit(target, [ip_address(text) for text in addresses])
    except EgressDenied as denied:
        return denied.rule
    return None


@pytest.mark.parametrize("text", SHUT + SHUT_6)
def test_what_is_no_host_on_the_internet_is_shut(text: str) -> None:
    assert purpose_of(ip_address(text)) != "public"
    assert broken_rule(Egress(), SOME, text) == "not-public"


@pytest.mark.parametrize("text", OPEN + OPEN_6)
def test_public_addresses_are_open_over_https(text: str) -> None:
    assert Egress().admit(SOME, [ip_address(text)]) == (plain(ip_address(text)),)
    assert broken_rule(Egress(), parse_target("http://tools.example.org/"), text) == "plain-http"
    assert broken_rule(Egress(public=False), SOME, text) == "public-off"


@given(st.one_of(v4, v6))
def test_whatever_python_knows_not_to_be_global_is_not_public(address: IPv4Address | IPv6Address) -> None:
    if not address.is_global or address.is_multicast:
        assert purpose_of(address) != "public" or isinstance(plain(address), IPv4Address)
    if isinstance(address, IPv4Address) and purpose_of(address) == "public":
        assert address.is_global


@given(v4)
def test_no_disguise_of_an_address_opens_what_the_address_does_not(address: IPv4Address) -> None:
    shut = purpose_of(address) != "public"
    wide = Egress(parse_entries("::/0"))
    for disguise in disguises(address):
        assert plain(disguise) == address or address in embedded(disguise)
        if shut:
            assert broken_rule(Egress(), SOME, str(disguise)) == "not-public"
            assert broken_rule(wide, SOME, str(disguise)) == "not-public"


@given(v4)
def test_the_mapped_form_is_the_address_itself(address: IPv4Address) -> None:
    mapped = IPv6Address(f"::ffff:{address}")
    assert plain(mapped) == address
    assert purpose_of(mapped) == purpose_of(address)
    listed = Egress(parse_entries(f"{address}"))
    assert listed.admit(CALLED, [mapped]) == (address,)


@given(st.lists(v4, max_size=4), v4.filter(lambda address: purpose_of(address) != "public"), st.integers(0, 4))
def test_one_bad_address_among_many_shuts_the_name(others: list[IPv4Address], bad: IPv4Address, at: int) -> None:
    with pytest.raises(EgressDenied):
        Egress().admit(SOME, [*others[:at], bad, *others[at:]])


def test_a_name_without_addresses_is_refused() -> None:
    assert broken_rule(Egress(), SOME) == "no-address"


# What is listed ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allow", "address", "rule"),
    [
        ("", "10.0.0.7", "not-public"),
        ("mcp.intern.test", "10.0.0.7", None),
        ("MCP.Intern.TEST.", "10.0.0.7", None),
        ("mcp.intern.test:8900", "10.0.0.7", None),
        ("mcp.intern.test:8901", "10.0.0.7", "not-public"),
        ("*.intern.test", "10.0.0.7", None),
        ("*.mcp.intern.test", "10.0.0.7", "not-public"),
        ("intern.test", "10.0.0.7", "not-public"),
        ("*.test", "fd12::7", None),
        ("mcp.intern.test", "100.64.0.7", None),
        ("mcp.intern.test", "8.8.8.8", None),
        ("mcp.intern.test", "127.0.0.1", "not-public"),
        ("mcp.intern.test", "169.254.1.1", "not-public"),
        ("mcp.intern.test", "169.254.169.254", "not-public"),
        ("mcp.intern.test", "fd00:ec2::254", "not-public"),
        ("mcp.intern.test", "0.0.0.0", "not-public"),
        ("10.0.0.0/8", "10.0.0.7", None),
        ("10.0.0.0/8:8900", "10.0.0.7", None),
        ("10.0.0.0/8:80", "10.0.0.7", "not-public"),
        ("10.0.0.7", "10.0.0.7", None),
        ("10.0.0.7:8900", "10.0.0.7", None),
        ("10.0.0.8", "10.0.0.7", "not-public"),
        ("fd12::/16", "fd12::7", None),
        ("[fd12::]/16:8900", "fd12::7", None),
        ("[fd12::7]:8900", "fd12::7", None),
        ("fd12::7", "fd12::7", None),
        ("127.0.0.0/8, ::1", "::1", None),
        ("0.0.0.0/0, ::/0", "127.0.0.1", None),
        ("0.0.0.0/0, ::/0", "169.254.169.254", "not-public"),
        ("169.254.0.0/16", "169.254.169.254", "not-public"),
        ("169.254.169.254", "169.254.169.254", None),
        ("fd00::/8", "fd00:ec2::254", "not-public"),
        ("64:ff9b::/96", "64:ff9b::10.0.0.7", "not-public"),
        ("64:ff9b::/96, 10.0.0.0/8", "64:ff9b::10.0.0.7", None),
    ],
)
def test_the_allow_list_opens_what_it_names_and_no_more(allow: str, address: str, rule: Rule | None) -> None:
    assert broken_rule(Egress(parse_entries(allow)), CALLED, address) == rule


def test_the_block_list_wins() -> None:
    egress = rules("*.test, 10.0.0.0/8", "bad.intern.test, *.evil.test, 10.9.0.0/16, 169.254.169.254:80")
    assert broken_rule(egress, CALLED, "10.0.0.7") is None
    assert broken_rule(egress, CALLED, "10.9.0.7") == "blocked"
    assert broken_rule(egress, parse_target("https://bad.intern.test/"), "10.0.0.7") == "blocked"
    assert broken_rule(egress, parse_target("https://a.evil.test/"), "8.8.8.8") == "blocked"


def test_what_can_be_said_without_a_look_up() -> None:
    for url, allow, rule in [
        ("http://169.254.169.254/latest/meta-data", "", "not-public"),
        ("https://[::ffff:10.0.0.1]/", "", "not-public"),
        ("http://tools.example.org/", "", "plain-http"),
        ("http://8.8.8.8/", "", "plain-http"),
        ("https://tools.example.org/", "", None),
        ("http://tools.example.org/", "tools.example.org", None),
        ("http://tools.example.org/", "10.0.0.0/8", None),  # it may be there
        ("http://tools.example.org/", "10.0.0.0/8:8080", "plain-http"),
    ]:
        try:
            Egress(parse_entries(allow)).check(parse_target(url))
            found = None
        except EgressDenied as denied:
            found = denied.rule
        assert found == rule, url


def test_a_denial_names_the_rule_and_not_what_a_name_resolved_to() -> None:
    with pytest.raises(EgressDenied, match=r"stands for a private address \(egress rule: not-public\)") as denied:
        Egress().admit(SOME, [ip_address("10.11.12.13")])
    assert "10.11" not in str(denied.value)
    assert denied.value.address == ip_address("10.11.12.13")


@pytest.mark.parametrize(
    "text",
    ["*", "*.", "*.10.0.0.1", "a b", "10.0.0.0/33", "10.0.0.1/8", "host:0", "host:99999", "host:x", "[::1", "a..b",
     "127.1", "0x7f.1", "http://a", "user@host", "fe80::1%eth0", "tööls.example"],
)  # fmt: skip
def test_an_entry_that_cannot_be_read_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="which is no host") as refused:
        parse_entries(f"good.example, {text}")
    assert repr(text) in str(refused.value)


@pytest.mark.parametrize(
    ("host", "found"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("10.0.0.1", False), ("tools.example", False), ("", False), ("127.1", False)],
)  # fmt: skip
def test_loopback_is_open_only_while_the_server_itself_listens_there(host: str, found: bool) -> None:
    assert is_loopback(host) == found
    egress = rules(listens_on=host)
    for address in ("127.0.0.1", "::1"):
        assert (broken_rule(egress, CALLED, address) is None) == found


def test_the_examples_in_the_guide_can_be_read() -> None:
    guide = (Path(__file__).parents[3] / "docs/rooms/gateway.md").read_text()
    lists = re.findall(r'^export STEAD_EGRESS_(?:ALLOW|BLOCK)="(.+?)"', guide, re.MULTILINE)
    assert len(lists) == 2
    assert all(parse_entries(text) for text in lists)


@given(st.lists(st.integers(0, 0xFFFF_FFFF), min_size=1, max_size=4), st.sampled_from(["d", "o", "x"]))
def test_what_the_system_takes_for_a_number_is_that_number_or_refused(parts: Iterable[int], base: str) -> None:
    written = {"d": "{}", "o": "0{:o}", "x": "0x{:x}"}[base]
    text = ".".join(written.format(part) for part in parts)
    try:
        meant = IPv4Address(socket.inet_aton(text))
    except OSError:
        meant = None
    try:
        target = parse_target(f"https://{text}/")
    except ValueError:
        return
    assert target.address == meant
    assert target.host == str(meant)
