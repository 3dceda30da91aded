"""The way back to a client during its request: what the tool server tells and asks meanwhile.

Most requests are answered at once and in JSON. The first message that comes before the answer turns the response into a
stream of server-sent events; the answer is then its last event. Nothing is set up for a stream that is not needed.
"""

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.types import Send

from swarmstead.doors.mcp.places import Place
from swarmstead.doors.mcp.resuming import Replay
from swarmstead.doors.mcp.sessions import LOG_LEVELS, Session
from swarmstead.doors.mcp.sse import EVENTS, JSON, Header, Outbox, encode, event
from swarmstead.gateway.errors import RelayRefused

NEEDS = {"elicitation/create": "elicitation", "sampling/createMessage": "sampling", "roots/list": "roots"}
"""What a server may ask of a client, and the capability that it takes."""
PATIENCE_S = 300.0
"""How long a client may take to answer what it is asked."""


class ClientRelay:
    """Satisfies `gateway.contract.Relay` for one HTTP request, and sends its response.

    `log_level` is the least level of log lines that the client wants, '' for none. `streams` says whether it takes a
    stream at all, `prefers` whether it wants one even for a single answer. With a `replay` it can come back to it. Only
    the client of a `session` is asked, for as long as its call has a `place` among those that wait.
    """

    __slots__ = (
        "_capabilities",
        "_headers",
        "_hung_up",
        "_log_level",
        "_outbox",
        "_over",
        "_place",
        "_prefers",
        "_pump",
        "_replay",
        "_replay_anew",
        "_send",
        "_session",
        "_started",
        "_streams",
        "_token",
    )

    def __init__(
        self,
        send: Send,
        *,
        capabilities: Mapping[str, Any],
        token: Any = None,
        log_level: str = "",
        session: Session | None = None,
        place: Place | None = None,
        streams: bool = True,
        prefers: bool = False,
        replay: Callable[[], Replay] | None = None,
    ) -> None:
        self._send = send
        self._capabilities = capabilities
        self._token = token
        self._log_level = log_level
        self._session = session
        self._place = place
        self._streams = streams
        self._prefers = streams and prefers
        self._replay_anew = replay
        self._replay: Replay | None = None
        self._hung_up = False
        self._over = False
        self._headers: tuple[Header, ...] = ()
        self._outbox = Outbox()
        self._pump: asyncio.Task[None] | None = None
        self._started = False

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """What the client says that it can do."""
        return self._capabilities

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Pass a notification on, if the client has asked for its kind."""
        if method == "notifications/progress":
            if self._token is None:
                return
            params = {**params, "progressToken": self._token}
        elif method == "notifications/message" and not self._wants(params.get("level")):
            return
        self._post({"jsonrpc": "2.0", "method": method, "params": params})

    def hang_up(self) -> None:
        """End the connection, if the client can come back for the rest."""
        if self._session is not None and self._streams and self._replay_anew is not None:
            self._hung_up = True
            self._start_pump()

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Put a request to the client of a session, and wait for its answer. Fails: RelayRefused."""
        need = NEEDS.get(method)
        if self._session is None or not self._streams or need is None or need not in self._capabilities:
            raise RelayRefused(f"This client cannot be asked for {method[:100]!r}.")
        if self._place is not None:
            self._place.take()
        id_, answer = self._session.expect()
        try:
            if not self._post({"jsonrpc": "2.0", "id": id_, "method": method, "params": params}):
                raise RelayRefused("The client does not read what it is told.")
            async with asyncio.timeout(PATIENCE_S):
                return await answer
        except TimeoutError as error:
            raise RelayRefused("The client did not answer in time.") from error
        finally:
            self._session.forget(id_)

    async def answer(self, status: int, body: bytes, *headers: Header) -> None:
        """The response, or the last event of the stream that it has become."""
        self._headers = headers
        if self._prefers and status == HTTPStatus.OK:
            self._start_pump()
        if self._pump is not None:
            await self._pump
            await self._event(body, last=True)
            return
        length = (b"content-length", str(len(body)).encode())
        await self._send({"type": "http.response.start", "status": status, "headers": [*headers, JSON, length]})
        await self._send({"type": "http.response.body", "body": body})

    def _wants(self, level: Any) -> bool:
        return self._log_level in LOG_LEVELS and level in LOG_LEVELS[LOG_LEVELS.index(self._log_level) :]

    def _post(self, message: Mapping[str, Any]) -> bool:
        if not self._streams or not self._outbox.put(encode(message)):
            return False
        self._start_pump()
        return True

    def _start_pump(self) -> None:
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._empty())

    async def _empty(self) -> None:
        if not self._started:
            self._started = True
            await self._send({"type": "http.response.start", "status": 200, "headers": [*self._headers, *EVENTS]})
            if self._replay_anew is not None:
                self._replay = self._replay_anew()
                await self._event(b"")
        while self._outbox:
            await self._event(self._outbox.take())
        if self._hung_up and not self._over:
            self._over = True
            await self._send({"type": "http.response.body", "body": b""})

    async def _event(self, message: bytes, *, last: bool = False) -> None:
        """One event to whoever is there, and into what is kept for one who comes back."""
        written = self._replay.add(message) if self._replay is not None else event(message)
        if not self._over:
            await self._send({"type": "http.response.body", "body": written, "more_body": not last})
        if last and self._replay is not None:
            self._replay.end()
