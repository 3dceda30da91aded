"""What the fakes of hosted models share: a loopback server that plays planned turns and goes wrong on demand.

Hosted models cannot be had in tests, so these servers speak the providers' true wire formats instead, streamed and not.
Nothing here sleeps: a held answer waits for an event, and the server says when a client has gone.
"""

import asyncio
import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from tests.fakes import web

KEY = "sk-canary-0123456789abcdef"


@dataclass(frozen=True)
class Call:
    """A tool call. Arguments given as text go out as they are, valid JSON or not."""

    id: str
    name: str
    arguments: Mapping[str, Any] | str

    @property
    def raw(self) -> str:
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


@dataclass(frozen=True)
class Answer:
    """What the model says. `input_tokens` include `cached_tokens`; `counted=False` leaves usage out."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    thinking: str = ""
    input_tokens: int = 120
    cached_tokens: int = 0
    output_tokens: int = 30
    counted: bool = True
    cut_by_limit: bool = False
    model: str = ""

    @property
    def pieces(self) -> list[str]:
        """The text as it is streamed: two words and a bit."""
        return [self.text[at : at + 12] for at in range(0, len(self.text), 12)]


@dataclass(frozen=True)
class Refusal:
    """An error status with the provider's error body."""

    status: int
    message: str = "no"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Broken:
    """An answer of which so many frames are sent before it goes wrong."""

    answer: Answer
    frames: int
    then: Literal["reset", "end", "garbage", "error"]


@dataclass(frozen=True)
class Held:
    """An answer of which so many frames are sent before the server waits for `release`, or for the client to go."""

    answer: Answer
    frames: int = 0
    release: asyncio.Event = field(default_factory=asyncio.Event)


Turn = Answer | Refusal | Broken | Held


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    path: str
    headers: Mapping[str, str]
    body: Any


class ModelServer(ABC):
    """A provider on 127.0.0.1. `async with` starts and ends it."""

    error_event = ""
    """The event of an error in the middle of a stream, where it has a name."""

    def __init__(self, *, key: str = KEY, models: Iterable[str] = ()) -> None:
        self.key = key
        self.models = frozenset(models)
        self.seen: list[Seen] = []
        self.connections = 0
        self.held = asyncio.Event()
        self.left = asyncio.Event()
        self._turns: deque[Turn] = deque()
        self._peers: set[Any] = set()
        self._serving = AsyncExitStack()
        self.origin = ""

    def plan(self, *turns: Turn) -> None:
        """Answer the next requests with these, in order."""
        self._turns.extend(turns)

    def unplanned(self, body: Any) -> Turn:
        """What is answered when nothing is planned; a server that plays a part decides it here, by the request."""
        del body
        return Refusal(418, "the test planned no answer for this request")

    def forget(self) -> None:
        """Drop what is still planned."""
        self._turns.clear()

    @property
    @abstractmethod
    def base_url(self) -> str:
        """What goes into `ModelSpec.base_url`."""

    @abstractmethod
    def key_of(self, request: web.Request) -> str:
        """The key that a request carries."""

    @abstractmethod
    def model_of(self, request: web.Request, body: Any) -> str:
        """The model that a request asks for."""

    @abstractmethod
    def streams(self, request: web.Request, body: Any) -> bool:
        """Whether the answer is to be streamed."""

    @abstractmethod
    def frames(self, answer: Answer, model: str, body: Any) -> Sequence[str]:
        """The answer as server-sent events."""

    @abstractmethod
    def whole(self, answer: Answer, model: str) -> Any:
        """The answer as one JSON document."""

    @abstractmethod
    def error(self, status: int, message: str) -> Any:
        """The provider's error body."""

    async def __aenter__(self) -> Self:
        port = await self._serving.enter_async_context(web.serving(self._handle))
        self.origin = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._serving.aclose()

    async def _handle(self, request: web.Request) -> web.Response:
        body: Any = request.json()
        self.seen.append(Seen(request.path, dict(request.headers), body))
        if request.transport not in self._peers:
            self._peers.add(request.transport)
            self.connections += 1
        if self.key_of(request) != self.key:
            # The worst that a provider can do: repeat the key.
            return self._refused(Refusal(401, f"Incorrect API key provided: {self.key_of(request)}"))
        model = self.model_of(request, body)
        if self.models and model not in self.models:
            return self._refused(Refusal(404, f"The model `{model}` does not exist"))
        turn = self._turns.popleft() if self._turns else self.unplanned(body)
        if isinstance(turn, Refusal):
            return self._refused(turn)
        return await self._answered(request, turn, model, body)

    def _refused(self, refusal: Refusal) -> web.Response:
        error = self.error(refusal.status, refusal.message)
        return web.json_response(error, status=refusal.status, headers=refusal.headers)

    async def _answered(
        self, request: web.Request, turn: Answer | Broken | Held, model: str, body: Any
    ) -> web.Response:
        answer = turn if isinstance(turn, Answer) else turn.answer
        model = answer.model or model
        if not self.streams(request, body):
            assert isinstance(turn, Answer)
            return web.json_response(self.whole(answer, model))
        frames = self.frames(answer, model, body)
        sent = len(frames) if isinstance(turn, Answer) else turn.frames
        if isinstance(turn, Held) and not sent:
            await self._hold(turn)
        response = request.stream({"Content-Type": "text/event-stream"})
        for frame in frames[:sent]:
            response.write(frame.encode())
        if isinstance(turn, Held):
            if sent:
                await self._hold(turn)
            for frame in frames[sent:]:
                response.write(frame.encode())
        if isinstance(turn, Broken):
            self._break(request, response, turn.then)
        return response

    async def _hold(self, turn: Held) -> None:
        self.held.set()
        try:
            await turn.release.wait()
        except asyncio.CancelledError:
            self.left.set()
            raise

    def _break(self, request: web.Request, response: web.Stream, then: str) -> None:
        if then == "garbage":
            response.write(b'event: message\ndata: {"id": "x", "choices": [{\n\n')
        if then == "error":
            response.write(sse(self.error(529, "overloaded"), self.error_event).encode())
        if then == "reset":
            request.abort()


def sse(data: Any, event: str = "") -> str:
    """One server-sent event."""
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {data if isinstance(data, str) else json.dumps(data)}\n\n"
