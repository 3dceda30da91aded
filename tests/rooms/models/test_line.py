"""Where models are asked: at checked addresses only, whatever a name stands for and whatever the environment says."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import httpx2
import pytest

from swarmstead.gateway.adapters.http.admitted import AdmittedAddresses
from swarmstead.gateway.egress import Egress, parse_entries, rules
from swarmstead.kernel.errors import BadInput, SteadError
from swarmstead.models.adapters.direct import DirectModel
from swarmstead.models.adapters.retries import MAX_ATTEMPTS
from swarmstead.models.contract import Message, ModelRequest, ModelSpec, Provider
from swarmstead.models.errors import ModelFailed, ModelNotAllowed, usage_of
from swarmstead.resources.manifests import parse
from swarmstead.wiring import kinds
from tests.fakes import raw_server
from tests.fakes.anthropic import AnthropicServer
from tests.fakes.google import GoogleServer
from tests.fakes.model_server import KEY, Answer, ModelServer, Refusal
from tests.fakes.model_timing import ManualTiming
from tests.fakes.openai import OpenAIServer
from tests.fakes.resolvers import StubResolver
from tests.fakes.tls import Authority

ASKED = ModelRequest("triage", (Message("user", "hi"),), (), 1_000)
NAME = "models.test"
LISTED = rules(NAME)  # by its name: it may be private, and must not stand for this machine
PINNED = Egress(parse_entries("127.0.0.1"))
FAKES: dict[str, tuple[type[ModelServer], Provider, str]] = {
    "openai": (OpenAIServer, "openai", "gpt-4.1-mini"),
    "anthropic": (AnthropicServer, "anthropic", "claude-haiku-5-5"),
    "google": (GoogleServer, "google", "gemini-2.5-flash"),
    "ollama": (OpenAIServer, "ollama", "qwen3"),
}


@dataclass
class Named:
    """A provider that is reached by a name, and who says what that name stands for."""

    server: ModelServer
    spec: ModelSpec
    names: StubResolver

    def model(self, egress: Egress) -> DirectModel:
        return DirectModel(AdmittedAddresses(egress, self.names), ManualTiming())


@pytest.fixture(params=sorted(FAKES))
async def named(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Named]:
    monkeypatch.setenv("FAKE_MODEL_KEY", KEY)
    kind, provider, model = FAKES[request.param]
    async with kind() as server:
        address = server.base_url.replace("127.0.0.1", NAME)
        yield Named(server, ModelSpec(provider, model, address, "env:FAKE_MODEL_KEY"), StubResolver())


@pytest.mark.parametrize("found", ["127.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "0.0.0.0", "::1"])
async def test_a_name_that_stands_for_a_shut_address_is_not_asked(named: Named, found: str) -> None:
    named.names.say(NAME, [found])
    named.server.plan(Refusal(500, "what only an inner service says"))
    model = named.model(LISTED)
    with pytest.raises(ModelNotAllowed) as caught:
        await model.request(named.spec, ASKED)
    assert named.server.connections == 0
    assert caught.value.code == "egress_denied"
    assert "may not be asked: its host stands for" in caught.value.message
    assert found not in caught.value.message.replace(NAME, "")
    assert "STEAD_EGRESS_ALLOW" in caught.value.way_out
    assert usage_of(caught.value).output_tokens == 0
    await model.aclose()


async def test_a_name_that_changes_its_mind_gains_nothing(named: Named) -> None:
    named.names.say(NAME, ["127.0.0.1"], ["127.0.0.3"])
    named.server.plan(Answer("one"), Answer("two"))
    model = named.model(PINNED)
    assert (await model.request(named.spec, ASKED)).text == "one"  # looked up once, and that address was connected to
    assert named.names.asked == [NAME]
    await model.aclose()
    with pytest.raises(ModelNotAllowed):
        await model.request(named.spec, ASKED)
    assert named.server.connections == 1
    await model.aclose()


async def test_the_environments_proxies_are_not_used(named: Named, monkeypatch: pytest.MonkeyPatch) -> None:
    async with raw_server.serving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        named.names.say(NAME, ["127.0.0.1"])
        named.server.plan(Answer("by itself"))
        model = named.model(PINNED)
        assert (await model.request(named.spec, ASKED)).text == "by itself"
        assert proxy.connections == 0
        await model.aclose()


async def test_addresses_are_tried_in_order_until_one_answers(named: Named) -> None:
    named.names.say(NAME, ["127.0.0.3", "127.0.0.1"])
    named.server.plan(Answer("the second"))
    model = named.model(Egress(parse_entries("127.0.0.0/8")))
    assert (await model.request(named.spec, ASKED)).text == "the second"
    await model.aclose()


async def test_a_name_that_is_not_there_cannot_be_reached(named: Named) -> None:
    model = named.model(PINNED)
    with pytest.raises(ModelFailed, match="cannot be reached") as caught:
        await model.request(named.spec, ASKED)
    assert usage_of(caught.value).output_tokens == 0
    await model.aclose()


@pytest.mark.parametrize("provider", ["ollama", "openai", "anthropic", "google"])
async def test_usual_addresses_are_held_against_the_rules_too(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ollama's is loopback: open to a server that listens on loopback itself, and shut to any other."""
    monkeypatch.setenv("FAKE_MODEL_KEY", KEY)
    names = StubResolver(
        **{host: ["127.0.0.1"] for host in ("api.openai.com", "api.anthropic.com", "generativelanguage.googleapis.com")}
    )
    model = DirectModel(AdmittedAddresses(rules(), names), ManualTiming())
    with pytest.raises(ModelNotAllowed, match="a loopback address"):
        await model.request(ModelSpec(provider, "m", api_key="env:FAKE_MODEL_KEY"), ASKED)
    await model.aclose()


def declared(provider: str, more: str = "") -> str:
    return (
        "apiVersion: swarmstead.dev/v1alpha1\nkind: Model\nmetadata: {name: m}\n"
        f"spec: {{provider: {provider}, model: m, api_key: env:K{more}}}\n"
    )


@pytest.mark.parametrize(
    ("egress", "provider", "more"),
    [
        (rules(), "ollama", ""),
        (rules(public=False), "openai", ""),
        (rules(public=False), "anthropic", ""),
        (rules(public=False), "google", ""),
        (rules(), "openai", ", base_url: 'http://169.254.169.254/v1'"),
    ],
)
def test_what_the_rules_shut_out_is_refused_when_it_is_applied(egress: Egress, provider: str, more: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(declared(provider, more), kinds(egress))
    assert "spec.base_url: The address may not be reached" in str(caught.value)
    assert "STEAD_EGRESS_ALLOW" in str(caught.value)
    open_to_it = rules("api.openai.com, api.anthropic.com, generativelanguage.googleapis.com", listens_on="127.0.0.1")
    if not more:
        assert parse(declared(provider), kinds(replace(open_to_it, public=egress.public)))


async def test_over_tls_the_name_is_verified_while_the_checked_address_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from swarmstead.models.adapters.line import Line

    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    names = StubResolver(**{NAME: ["127.0.0.1"], "other.test": ["127.0.0.1"]})
    async with (
        asyncio.timeout(30),
        raw_server.serving(tls=authority.server(NAME)) as server,
        httpx2.AsyncClient(transport=Line(AdmittedAddresses(PINNED, names), {})) as client,
    ):
        assert (await client.get(f"https://{NAME}:{server.port}/")).text == "hello"
        assert server.server_names == [NAME]
        with pytest.raises(httpx2.ConnectError):
            await client.get(f"https://other.test:{server.port}/")
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("then", "kind"), [("close", httpx2.RemoteProtocolError), ("reset", httpx2.ReadError)], ids=["close", "reset"]
)
async def test_faults_have_the_names_that_the_sdks_know(then: Literal["close", "reset"], kind: type[Exception]) -> None:
    from swarmstead.models.adapters.line import Line

    async with (
        asyncio.timeout(30),
        raw_server.serving() as server,
        httpx2.AsyncClient(transport=Line(AdmittedAddresses(PINNED), {})) as client,
    ):
        half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello"
        server.plan(raw_server.Turn(b"", then), raw_server.Turn(half, then))
        for _ in range(2):
            with pytest.raises(kind):
                await client.get(f"http://127.0.0.1:{server.port}/")
        with pytest.raises(httpx2.UnsupportedProtocol):
            await client.get("ftp://127.0.0.1/")


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "identity, gzip", "br"])
async def test_a_compressed_answer_is_not_unpacked(status: int, encoding: str) -> None:
    """300 kB may be 300 MB."""
    from swarmstead.models.adapters.line import Line

    packed = gzip.compress(b"x" * 100_000)
    head = f"HTTP/1.1 {status} So\r\ncontent-encoding: {encoding}\r\ncontent-length: {len(packed)}\r\n\r\n"
    async with (
        asyncio.timeout(30),
        raw_server.serving() as server,
        httpx2.AsyncClient(transport=Line(AdmittedAddresses(PINNED), {})) as client,
    ):
        server.plan(raw_server.Turn(head.encode() + packed))
        with pytest.raises(httpx2.RemoteProtocolError, match="compressed"):
            await client.get(f"http://127.0.0.1:{server.port}/")
        assert b"accept-encoding: identity\r\n" in server.requests[0].lower()
        assert server.requests[0].lower().count(b"accept-encoding") == 1


@pytest.mark.parametrize(
    ("status", "line", "lines", "ends"),
    [
        (200, 1000, 65_000, False),
        (200, 1000, 70_000, True),
        (200, 8_000_000, 1, False),
        (200, 9_000_000, 1, True),
        (400, 1000, 1000, False),
        (400, 1000, 1100, True),
    ],
)
async def test_an_answer_is_bounded_in_all_and_line_by_line(status: int, line: int, lines: int, *, ends: bool) -> None:
    from swarmstead.models.adapters.line import Line

    body = (b"x" * (line - 1) + b"\n") * lines
    head = f"HTTP/1.1 {status} So\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    async with (
        asyncio.timeout(60),
        raw_server.serving() as server,
        httpx2.AsyncClient(transport=Line(AdmittedAddresses(PINNED), {}), timeout=60) as client,
    ):
        server.plan(raw_server.Turn(head + body))
        if ends:
            with pytest.raises(httpx2.RemoteProtocolError, match="more than any answer has"):
                await client.get(f"http://127.0.0.1:{server.port}/")
        else:
            assert len((await client.get(f"http://127.0.0.1:{server.port}/")).content) == len(body)


async def test_no_cookie_is_kept() -> None:
    from swarmstead.models.adapters.line import Line

    async with (
        asyncio.timeout(30),
        raw_server.serving() as server,
        httpx2.AsyncClient(transport=Line(AdmittedAddresses(PINNED), {})) as client,
    ):
        server.plan(raw_server.ok(head=b"Set-Cookie: who=you; Path=/\r\n"), raw_server.ok())
        for _ in range(2):
            assert (await client.get(f"http://127.0.0.1:{server.port}/")).status_code == 200
        assert all(b"cookie" not in one.lower() for one in server.requests)


@pytest.mark.parametrize("status", [b"200 OK", b"400 Bad Request", b"500 Oops"])
@pytest.mark.parametrize(
    "body", [b"<p>of an inner server</p>", b'{"of": "an inner server"}', b"data: an inner server\n\n"]
)
@pytest.mark.parametrize("provider", ["openai", "anthropic", "google", "ollama"])
async def test_what_is_no_error_of_a_provider_is_not_repeated(
    provider: Provider, body: bytes, status: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_MODEL_KEY", KEY)
    model = DirectModel(AdmittedAddresses(PINNED), ManualTiming())
    async with raw_server.serving() as server:
        kind = b"text/html" if body.startswith(b"<") else b"application/json"
        head = b"HTTP/1.1 %b\r\ncontent-type: %b\r\n" % (status, kind)
        server.plan(*[raw_server.Turn(head + b"content-length: %d\r\n\r\n%b" % (len(body), body))] * MAX_ATTEMPTS)
        with pytest.raises(SteadError) as caught:
            await model.request(
                ModelSpec(provider, "m", f"http://127.0.0.1:{server.port}/v1", "env:FAKE_MODEL_KEY"), ASKED
            )
        await model.aclose()
    assert "inner" not in caught.value.message
