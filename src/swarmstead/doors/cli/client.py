"""The API over the standard library's HTTP client: one request a connection, and event streams that can be resumed.

Proxies of the environment are not used: the key goes to the address that was named and to no other.
"""

import http.client
import json
import os
import ssl
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Any, cast
from urllib.parse import quote, urlencode, urlsplit

from swarmstead.kernel.errors import BadInput, SteadError, Unavailable

_TIMEOUT_S = 30.0
_STREAM_TIMEOUT_S = 20.0  # the server gives a sign of life every 5 s
BEAT = "beat"
_MOST_LINE_BYTES = 4_194_304
_PAGE = 500
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PROBLEM = "application/problem+json"


class ServerAbsent(Unavailable):
    """Nothing answers at the address."""

    code = "server_absent"


class ServerCutOff(Unavailable):
    """The connection ended before the whole answer was here."""

    code = "server_cut_off"


class NotSwarmstead(BadInput):
    """Something else answers at the address."""

    code = "not_swarmstead"


class Refused(SteadError):
    """The server's problem, with its status, code and way out. `extra` holds the rest of it."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(
            str(body.get("detail") or body.get("title") or f"The server answered {status}."),
            way_out=str(body.get("way_out") or ""),
            field=str(body.get("field") or ""),
            code=str(body.get("code") or "http_error"),
            extra=dict(body),
        )
        self.status = status
        self.exit_code = 1 if self.is_servers_fault else 2
        if trace := body.get("trace_id"):
            self.message = f"{self.message} (trace {trace})"

    @property
    def is_servers_fault(self) -> bool:
        """Whether trying again later may help."""
        return self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


@dataclass(frozen=True, slots=True)
class SentEvent:
    """One server-sent event; `seq` is 0 where it has no id, `data` is its JSON."""

    seq: int
    kind: str
    data: dict[str, Any]


def part(text: str) -> str:
    """A name or id as one part of a path. Fails: BadInput when there is none."""
    if not text.strip():
        raise BadInput("A name or id is empty.", way_out="Give the whole name or id.")
    return quote(text, safe="")


def checked_address(text: str) -> str:
    """`127.0.0.1:8700` -> `http://127.0.0.1:8700`. Fails: BadInput."""
    address = text.strip() if "://" in text else f"http://{text.strip()}"
    try:
        url = urlsplit(address)
        fits = url.scheme in ("http", "https") and bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        fits, url = False, urlsplit("")
    if not fits or url.query or url.fragment or url.username is not None:
        raise BadInput(
            "The server's address must be http:// or https:// with a host, and without user, query or fragment.",
            field="--server",
            way_out="Write it like http://127.0.0.1:8700.",
        )
    address = address.rstrip("/")
    return address if url.path.strip("/") else address.lower()


class Client:
    """Speaks for one key with one server."""

    def __init__(self, address: str, key: str, timeout_s: float = _TIMEOUT_S) -> None:
        self.address = address
        self._timeout_s = timeout_s
        self._url = urlsplit(address)
        self._key = key

    @property
    def is_here(self) -> bool:
        """Whether the server is on this machine, so that paths mean the same to both."""
        return self._url.hostname in _LOOPBACK

    def get(self, path: str, **query: str | int | None) -> Any:
        """GET a JSON answer. Fails: ServerAbsent, ServerCutOff, NotSwarmstead, Refused; as all others here."""
        return self._json("GET", _with(path, query))

    def post(
        self, path: str, body: object = None, headers: Mapping[str, str] | None = None, *, timeout_s: float = 0
    ) -> Any:
        """POST JSON, get JSON (None for an empty answer). `timeout_s` is for what takes longer than all else."""
        data = b"" if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        return self._json("POST", path, data, sent, timeout_s=timeout_s)

    def delete(self, path: str) -> Any:
        """DELETE; {} for an empty answer, which older servers give."""
        return self._json("DELETE", path) or {}

    def post_yaml(self, path: str, text: str, *, match: str = "", **query: str | int | None) -> Any:
        """POST YAML text, get JSON. `match` is the ETag that what is changed must still have."""
        headers = {"Content-Type": "application/yaml"} | ({"If-Match": match} if match else {})
        return self._json("POST", _with(path, query), text.encode(), headers)

    def page(self, path: str, limit: int, **query: str | int | None) -> dict[str, Any]:
        """Up to `limit` items of a list, in as many requests as it takes: `{items, next}`."""
        items: list[Any] = []
        cursor: str | None = None
        while True:
            wanted = min(_PAGE, limit - len(items))
            found = self.get(path, **query, limit=wanted, cursor=cursor)
            items += found["items"]
            cursor = found["next"]
            if not cursor or len(items) >= limit:
                return {"items": items, "next": cursor}

    def fault(self) -> str:
        """What keeps the server from doing its work, in its own words; '' when nothing does. Fails: as `get`."""
        return " ".join(str(one.get("detail", "")) for one in self.health()["checks"] if not one.get("ok", True))

    def health(self) -> dict[str, Any]:
        """What the server says of itself, well or not; a server that is not ready is no error. Fails: as `get`."""
        with self._open("GET", "/readyz", b"", {}, self._timeout_s) as answer, _cut_off(self.address):
            if answer.status != HTTPStatus.SERVICE_UNAVAILABLE:
                self._expect(answer)
            said = _parsed(answer.read(), self.address)
        found = cast("dict[str, Any]", said) if isinstance(said, dict) else {}
        if not isinstance(found.get("checks"), list):
            raise _stranger(self.address)
        return found

    def chunks(self, path: str) -> Iterator[bytes]:
        """The body of a long answer, piece by piece."""
        with self._open("GET", path, b"", {}, self._timeout_s) as answer, _cut_off(self.address):
            self._expect(answer)
            while piece := answer.read1(65_536):
                yield piece

    def events(self, path: str, after: int) -> Iterator[SentEvent]:
        """Server-sent events from after a number on, until the stream ends. Fails: ServerCutOff when it just stops."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        with self._open("GET", path, b"", headers, _STREAM_TIMEOUT_S) as answer, _cut_off(self.address):
            self._expect(answer)
            yield from parse_events(iter(lambda: answer.readline(_MOST_LINE_BYTES), b""))

    def _json(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        timeout_s: float = 0,
    ) -> Any:
        timeout_s = timeout_s or self._timeout_s
        with self._open(method, path, body, headers or {}, timeout_s) as answer, _cut_off(self.address):
            self._expect(answer)
            raw = answer.read()
        return _parsed(raw, self.address) if raw else None

    @contextmanager
    def _open(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], timeout: float
    ) -> Generator[HTTPResponse]:
        connection = self._connection(timeout)
        try:
            with _absent(self.address, local=self.is_here):
                connection.connect()
            with _cut_off(self.address):
                sent = {"Accept": "application/json", **headers}
                if self._key:
                    sent["Authorization"] = f"Bearer {self._key}"
                connection.request(method, self._url.path + path, body or None, sent)
                answer = connection.getresponse()
            yield answer
        finally:
            connection.close()

    def _connection(self, timeout: float) -> HTTPConnection:
        host = self._url.hostname or ""
        if self._url.scheme != "https":
            return HTTPConnection(host, self._url.port, timeout=timeout)
        return HTTPSConnection(host, self._url.port, timeout=timeout, context=_tls())

    def _expect(self, answer: HTTPResponse) -> None:
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return
        raw = answer.read()
        if answer.headers.get_content_type() != _PROBLEM:
            raise _stranger(self.address)
        refused = Refused(answer.status, _parsed(raw, self.address))
        if answer.status == HTTPStatus.UNAUTHORIZED:
            _explain_key(refused, self.address, has_key=bool(self._key))
        raise refused


def parse_events(lines: Iterable[bytes]) -> Iterator[SentEvent]:
    """Server-sent events of a stream of lines. A comment is a sign of life: the kind `beat`, without a number.

    Fails: ServerCutOff for broken ones.
    """
    seq, kind, data = 0, "message", ""
    for raw in lines:
        line = raw.decode(errors="replace").rstrip("\r\n")
        name, _, value = line.partition(": ")
        if name == "id" and value.isdigit():
            seq = int(value)
        elif name == "event":
            kind = value
        elif name == "data":
            data += value
        elif line.startswith(":"):
            yield SentEvent(0, BEAT, {})
        elif not line and data:
            yield SentEvent(seq, kind, _event_data(data))
            seq, kind, data = 0, "message", ""


def _tls() -> ssl.SSLContext:
    """The system's trust, or SSL_CERT_FILE; with STEAD_CLIENT_CERTIFICATE (PEM, certificate and key), who we are."""
    context = ssl.create_default_context()
    if path := os.environ.get("STEAD_CLIENT_CERTIFICATE", ""):
        try:
            context.load_cert_chain(path)
        except (OSError, ssl.SSLError) as error:
            raise BadInput(
                f"The client certificate {path} is not usable.",
                field="STEAD_CLIENT_CERTIFICATE",
                way_out="Name a PEM file that holds the certificate, its chain and its private key.",
            ) from error
    return context


def _event_data(text: str) -> dict[str, Any]:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ServerCutOff("The event stream was damaged on its way.", way_out="Try again.") from error


def _with(path: str, query: Mapping[str, str | int | None]) -> str:
    given = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


def _parsed(raw: bytes, address: str) -> Any:
    try:
        return json.loads(raw)
    except ValueError as error:
        raise _stranger(address) from error


def _stranger(address: str) -> NotSwarmstead:
    return NotSwarmstead(
        f"What answers at {address} is not this API of Swarmstead.",
        way_out="Check --server (or STEAD_SERVER); a proxy in between may answer instead.",
    )


def _explain_key(refused: Refused, address: str, *, has_key: bool) -> None:
    if has_key:
        refused.way_out = (
            "Give a key that this server knows with --key-file or STEAD_KEY. "
            "If none is left, start the server with a new STEAD_BOOTSTRAP_KEY."
        )
        return
    refused.message = f"There is no key for {address}."
    refused.way_out = (
        "Give one with --key-file or STEAD_KEY. The server printed the first admin key when it was first started; "
        "if that is lost, start it with a STEAD_BOOTSTRAP_KEY of your own."
    )


@contextmanager
def _absent(address: str, *, local: bool) -> Generator[None]:
    try:
        yield
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or "the handshake failed"
        raise ServerAbsent(
            f"No secure connection to {address}: {reason}.",
            way_out="Check the address; a certificate of your own goes into SSL_CERT_FILE.",
        ) from error
    except OSError as error:
        start = "Start it with `stead up`, or name another" if local else "Check the address, or name another"
        raise ServerAbsent(
            f"There is no server at {address}: {error.strerror or 'no answer'}.",
            way_out=f"{start} with --server (or STEAD_SERVER).",
        ) from error


@contextmanager
def _cut_off(address: str) -> Generator[None]:
    try:
        yield
    except TimeoutError as error:
        raise ServerCutOff(
            f"The server at {address} did not answer in time.",
            way_out="Look whether it was done before you try again: `stead run list`, `stead audit list`.",
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise ServerCutOff(
            f"The connection to {address} ended before the answer was here.",
            way_out="Look whether it was done before you try again: `stead run list`, `stead audit list`.",
        ) from error
