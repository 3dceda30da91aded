"""URLs taken apart: each is one host, one port and one path without doubt, or it is refused."""

from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from swarmstead.gateway.contract import ToolServerSpec
from swarmstead.gateway.egress import Egress, parse_entries
from swarmstead.gateway.gateway import check_server
from swarmstead.gateway.headers import problem_with
from swarmstead.gateway.targets import BadTarget, parse_target
from swarmstead.kernel.errors import BadInput
from swarmstead.models.contract import ModelSpec
from swarmstead.wiring import kinds


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "normal"),
    [
        ("https://tools.example.org/mcp", "tools.example.org", 443, "/mcp", "https://tools.example.org/mcp"),
        ("HTTP://Tools.Example.ORG:80", "tools.example.org", 80, "/", "http://tools.example.org/"),
        ("https://tools.example.org.:8443/a?b=c", "tools.example.org", 8443, "/a?b=c", "https://tools.example.org:8443/a?b=c"),
        ("http://127.0.0.1:8900/mcp", "127.0.0.1", 8900, "/mcp", "http://127.0.0.1:8900/mcp"),
        ("http://[::1]:8900/", "::1", 8900, "/", "http://[::1]:8900/"),
        ("http://[0:0:0:0:0:FFFF:10.0.0.1]/", "::ffff:a00:1", 80, "/", "http://[::ffff:a00:1]/"),
        ("https://xn--bcher-kva.example?x", "xn--bcher-kva.example", 443, "/?x", "https://xn--bcher-kva.example/?x"),
        ("https://my_host/", "my_host", 443, "/", "https://my_host/"),
        ("https://a/@b", "a", 443, "/@b", "https://a/@b"),
    ],
)  # fmt: skip
def test_a_plain_address_is_understood(url: str, host: str, port: int, path: str, normal: str) -> None:
    target = parse_target(url)
    if target.address is None:
        assert target.host == host
    else:
        assert target.address == ip_address(host)
    assert (target.port, target.path) == (port, path)
    assert parse_target(target.url) == target
    if "ffff" not in normal:
        assert target.url == normal


@pytest.mark.parametrize(
    "url",
    [
        "", "nonsense", "tools.example.org/mcp", "//tools.example.org", "ftp://x", "file:///etc/passwd", "gopher://x",
        "unix:///run/docker.sock", "javascript:x", "http:/x", "http:x", "http://", "https:///mcp", "http://:80/",
        "http://user@host/", "http://user:pw@host/", "http://a@b@c/", "http://good.example@127.0.0.1/",
        "http://127.0.0.1\\@good.example/", "http://good.example\\.evil.test/", "http://good.example#@evil.test/",
        "http://x/#fragment", "http://x:0/", "http://x:65536/", "http://x:1e3/", "http://x:+80/", "http://x: 80/",
        "http://x:/", "http://x:80:80/",
        "http://0/", "http://0x7f.1/", "http://2130706433/", "http://017700000001/", "http://0177.0.0.1/",
        "http://127.1/", "http://127.0.1/", "http://127.0.0.01/", "http://127.0.0.1./", "http://0x7f000001/",
        "http://127.0.0.1.5/", "http://256.0.0.1/", "http://1.2.3.0x4/", "http://a.0x/", "http://a.1/", "http://1../",
        "http://[::/", "http://[127.0.0.1]/", "http://[::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[v1.x]/",
        "http://[::1]x/", "http://[::1]:x/", "http://::1/", "http://[]/",
        "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://\uff4cocalhost/", "http://bücher.example/", "http://ⓔxample/",
        "http://loc\u00adalhost/", "http://%6cocalhost/", "http://127%2e0%2e0%2e1/", "http://a%00b/",
        "http://a b/", "http://a\tb/", "http://a\r\nHost: evil/", "http://a/\r\nX: y", "http://a/\x00", " http://a/",
        "http://a/ ", "http://a/\x7f", "http://a..b/", "http://.a/", "http://-a/", "http://a-/", "http://a,b/",
        f"http://{'a' * 64}/", f"http://{'a.' * 130}com/", "http://./", "http://*/",
    ],
)  # fmt: skip
def test_what_could_be_read_two_ways_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(BadTarget) as refused:
        parse_target(url)
    assert refused.value.problem
    assert refused.value.way_out
    assert "pw@" not in str(refused.value)


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.sampled_from(["http://", "https://", "HTTP:", ""]))
@example("a\u3002b", "http://")
def test_what_is_understood_is_understood_alike_by_others(rest: str, scheme: str) -> None:
    url = scheme + rest
    try:
        target = parse_target(url)
    except BadTarget:
        return
    other = urlsplit(url)
    assert (other.scheme, other.username, other.password, other.fragment) == (target.scheme, None, None, "")
    assert (other.hostname or "").rstrip(".") == target.host or target.address == ip_address(other.hostname or "")
    assert (other.port or target.port) == target.port
    assert target.url.isascii()
    assert parse_target(target.url) == target


# When a spec is applied ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://x", "does not start with http"),
        ("http://user:canary@tools.example.org/", "user name or password"),
        ("http://2130706433/", "no dotted IPv4 address"),
        ("http://[fe80::1%25eth0]/", "has a %"),
        ("http://169.254.169.254/", "cloud's metadata address"),
        ("http://10.1.2.3/", "a private address"),
        ("http://127.0.0.1:8900/", "a loopback address"),
        ("http://tools.example.org/", "https only"),
    ],
)
def test_a_tool_server_that_cannot_be_reached_is_refused_with_field_and_way_out(url: str, words: str) -> None:
    with pytest.raises(BadInput, match=words) as refused:
        check_server(ToolServerSpec("http", url=url), Egress())
    assert refused.value.field == "url"
    assert refused.value.way_out
    assert "canary" not in refused.value.message


def test_without_the_servers_rules_only_the_form_is_checked() -> None:
    check_server(ToolServerSpec("http", url="http://10.1.2.3/mcp"))
    check_server(ToolServerSpec("http", url="http://10.1.2.3/mcp"), Egress(parse_entries("10.0.0.0/8")))


@pytest.mark.parametrize(
    ("name", "value"),
    [("X-A", "a\r\nX-B: c"), ("X-A", "a\nb"), ("X-A", "a\x00b"), ("X A", "a"), ("X\r\nY", "a"), ("", "a"),
     ("Xé", "a"), ("Host", "a"), ("content-length", "0"), ("Transfer-Encoding", "chunked"), ("Connection", "close"),
     ("Expect", "100-continue"), ("Proxy-Authorization", "canary")],
)  # fmt: skip
def test_headers_that_would_change_the_request_are_refused_and_their_values_not_told(name: str, value: str) -> None:
    assert problem_with(name, value)
    with pytest.raises(BadInput) as refused:
        check_server(ToolServerSpec("http", url="https://tools.example.org/", headers={name: value}), Egress())
    assert refused.value.field == "headers"
    assert "canary" not in refused.value.message
    assert problem_with("Authorization", "Bearer abc\tdef é") == ""


def test_a_models_address_is_held_against_the_same_rules() -> None:
    check = kinds(Egress(parse_entries("10.0.0.0/8")))["Model"].check
    check(ModelSpec("ollama", "m", base_url="http://10.0.0.5:11434/v1"))
    check(ModelSpec("openai", "m", base_url="https://models.example.org/v1"))
    check(ModelSpec("openai", "m", api_key="env:KEY"))
    for url in ("http://169.254.169.254/v1", "http://0x7f.1/v1", "http://192.168.0.1/v1", "http://127.0.0.1/v1"):
        with pytest.raises(BadInput) as refused:
            check(ModelSpec("ollama", "m", base_url=url))
        assert refused.value.field == "spec.base_url"
