"""A session with a tool server that is a program of ours: JSON-RPC, one message to a line, over its pipes.

Theory of operation. asyncio's process transport calls us for each piece of output; lines are cut out of it, and an
answer finds its caller by the id that we gave the request. Requests are written whole. While the program does not
read, the next ones wait here, unsent, so that their failure is known to be harmless.

The program gets an environment of its own, no inherited descriptors, and a session (process group) of its own. How it
ends: its stdin is closed, which is MCP's way of saying stop; then SIGTERM, then SIGKILL, to the whole group. When our
own process dies, however hard, the kernel closes those pipes: the shipped servers, and any that keep to MCP, end then.
(A parent-death signal would need code between fork and exec, which is unsafe in a process with threads.)

Invariants: a request gets one outcome; no answer that was written before the program ended is lost; nothing survives
`aclose` but what left the process group.
"""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from swarmstead.gateway.adapters import mcp_messages as mcp
from swarmstead.gateway.adapters.mcp_messages import Message, SessionLost, Ticket
from swarmstead.gateway.adapters.upstream_limits import UpstreamLimits
from swarmstead.gateway.offers import Conversation
from swarmstead.gateway.relay import Relay

_STDIN, _STDOUT = 0, 1
_TAIL_BYTES = 4096
_MAX_GARBAGE = 20
_LAST_WORDS_S = 1.0


@dataclass(frozen=True, slots=True)
class Program:
    """What to start: argument list, whole environment, and the values in it that must not appear in any text."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    secrets: Sequence[str] = ()


class StdioSession(asyncio.SubprocessProtocol):
    """One program and the requests under way with it. Satisfies `mcp_messages.Session`."""

    def __init__(
        self,
        program: Program,
        limits: UpstreamLimits,
        on_lost: Callable[[str], None],
        on_told: Callable[[str, Message], None],
        conversation: Conversation,
    ) -> None:
        self.conversation = conversation
        self._program = program
        self._limits = limits
        self._on_lost = on_lost
        self._on_told = on_told
        self._transport: asyncio.SubprocessTransport | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._swept = False
        self._ready = False
        self._leaving = False  # a pipe has closed: nothing more goes in, answers may still come out
        self._ended = ""  # why, once it has
        self._over = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._exited = asyncio.Event()
        self._pending: dict[int, asyncio.Future[Message]] = {}
        self._relays: dict[int, Relay] = {}
        self._aside: set[asyncio.Task[None]] = set()
        self._next_id = 0
        self._line = bytearray()
        self._scanned = 0
        self._tail = bytearray()
        self._garbage: list[str] = []
        self._version = ""
        self._told = 0  # since its last answer

    @property
    def nameless(self) -> bool:
        """No: a program that ends takes its pipes with it."""
        return False

    @property
    def usable(self) -> bool:
        """Whether the handshake is done and the program still there."""
        return self._ready and not self._leaving and not self._ended

    @property
    def version(self) -> str:
        """The version of MCP that was agreed; '' before."""
        return self._version

    async def start(self) -> None:
        """Start the program and shake hands. Fails: SessionLost, RpcRefused; then the program is gone again."""
        loop = asyncio.get_running_loop()
        argv = self._program.argv
        try:
            await loop.subprocess_exec(
                lambda: self, *argv, stdin=PIPE, stdout=PIPE, stderr=PIPE,
                env=dict(self._program.env), start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError as error:
            hint = "; its name and each argument are words of their own in `command`" if " " in argv[0] else ""
            raise SessionLost(f"the program {argv[0]!r} was not found{hint}") from error
        except (OSError, ValueError) as error:
            raise SessionLost(f"the program {argv[0]!r} could not be started: {error}") from error
        try:
            self._version = mcp.agreed_version(await self.request("initialize", mcp.handshake(), Ticket()))
            self._write(mcp.encode(mcp.notification("notifications/initialized"), self._limits.max_message_bytes))
            self._ready = True
        finally:
            if not self._ready:
                self._end("it was stopped before it was ready")
                await self._wait_for_exit()
                self._close_transport()

    async def request(
        self, method: str, params: Mapping[str, Any], ticket: Ticket, relay: Relay | None = None
    ) -> Message:
        """The result of one request. Fails: SessionLost, RpcRefused."""
        self._next_id += 1
        request_id = self._next_id
        data = mcp.encode(mcp.call(request_id, method, params), self._limits.max_message_bytes)
        while not self._writable.is_set():
            await self._writable.wait()
        if not self._write(data):
            await self._over.wait()
            raise SessionLost(self._ended)
        ticket.sent = True
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._pending[request_id] = answer
        if relay is not None:
            self._relays[request_id] = relay
        try:
            return mcp.result_of(await answer)
        except asyncio.CancelledError:
            self._write(mcp.encode(mcp.cancelled(request_id), self._limits.max_message_bytes))
            raise
        finally:
            self._pending.pop(request_id, None)
            self._relays.pop(request_id, None)

    async def listen(self, wanted: Mapping[str, Any], relay: Relay, ready: Callable[[], None]) -> None:
        """Nothing of its own: what the program tells goes to `on_told`, whoever listens."""
        ready()

    async def aclose(self) -> None:
        """End the program, by force if need be, and wait until it is gone."""
        self._end("it was closed", ours=True)
        for harder in (signal.SIGTERM, signal.SIGKILL):
            if await self._wait_for_exit():
                break
            self._signal(harder)
        await self._wait_for_exit()
        self._close_transport()

    def trouble(self) -> str:
        """What the server printed that was not MCP, and the end of its stderr; '' for neither."""
        words: list[str] = []
        if self._garbage:
            words.append(f"It also wrote what is not JSON-RPC: {self._garbage[-1]!r}.")
        tail = bytes(self._tail)
        if len(tail) >= _TAIL_BYTES:  # its first line was cut, and may begin inside a secret
            tail = tail.partition(b"\n")[2]
        if last := mcp.clean(tail.decode("utf-8", "replace"), self._program.secrets, last=True):
            words.append(f"Its last words: {last}")
        return " ".join(words)

    # asyncio calls these -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The program runs."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        # No buffer of ours: "writable" then means that the pipe took all that came before.
        self._stdin = cast("asyncio.WriteTransport", self._transport.get_pipe_transport(_STDIN))
        try:
            self._stdin.set_write_buffer_limits(high=0)
        except RuntimeError:  # uvloop: it has ended already, and how is about to be told
            self._leaving = True

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Output: answers on stdout, words for people on stderr."""
        if fd != _STDOUT:
            self._tail = (self._tail + data)[-_TAIL_BYTES:]
            return
        self._line += data
        while not self._ended and (end := self._line.find(b"\n", self._scanned)) >= 0:
            line = self._line[:end]
            del self._line[: end + 1]
            self._scanned = 0
            self._take(line)
        self._scanned = len(self._line)
        if self._scanned > self._limits.max_message_bytes:
            self._line.clear()
            self._end(f"it wrote a line of more than {self._limits.max_message_bytes} bytes")

    def pause_writing(self) -> None:
        """The pipe to the program is full."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The program reads again."""
        self._writable.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """It closed a pipe; without stdin or stdout there is no conversation."""
        if fd in {_STDIN, _STDOUT} and not self._exited.is_set():
            # Most often the first sign that it is about to exit: its exit code says more, if it comes soon.
            self._leaving = True
            self._writable.set()
            asyncio.get_running_loop().call_later(_LAST_WORDS_S, self._end, "it closed its side of the conversation")

    def process_exited(self) -> None:
        """It ended. Whatever it left behind in its group goes too, and with it the other ends of our pipes."""
        self._exited.set()
        self._leaving = True
        self._signal(signal.SIGKILL)
        self._swept = True  # from now on the number may belong to somebody else
        # What it wrote before is still on its way to us; connection_lost comes after the last of it.
        asyncio.get_running_loop().call_later(_LAST_WORDS_S, self._gone)

    def connection_lost(self, exc: Exception | None) -> None:
        """It ended and its pipes are empty."""
        self._gone()

    # ---------------------------------------------------------------------------------------------------------------

    def _gone(self) -> None:
        code = self._transport.get_returncode() if self._transport else None
        how = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
        self._end(f"its program ended {how}", under_way=f"its program ended while it answered this call, {how}")
        self._close_transport()

    def _end(self, reason: str, *, ours: bool = False, under_way: str = "") -> None:
        """No more requests; those under way fail, for `under_way` where that is said once it is ready.

        `ours`: we want it so, and the program may end in peace.
        """
        if self._ended:
            return
        trouble = self.trouble()
        self._ended, theirs = (f"{one}. {trouble}" if trouble else one for one in (reason, under_way or reason))
        self._over.set()
        self._writable.set()
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(SessionLost(theirs if self._ready else self._ended))
        if self._stdin is not None:
            self._stdin.close()
        if not ours:
            self._signal(signal.SIGKILL)
            if self._ready:
                self._on_lost(self._ended)

    async def _wait_for_exit(self) -> bool:
        if self._transport is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.stop_grace_s):
                    await self._exited.wait()
        return self._transport is None or self._exited.is_set()

    def _close_transport(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _take(self, line: bytearray) -> None:
        if not line.strip():
            return
        message = mcp.decode(line, self._program.secrets)
        if self._told_too_much(message):
            self._end(f"it wrote more than {self._limits.max_told} messages without an answer")
        elif message is None:
            self._take_garbage(line)
        elif mcp.is_answer(message):
            request_id = message.get("id")
            answer = self._pending.get(request_id) if isinstance(request_id, int) else None
            if answer is not None and not answer.done():
                answer.set_result(message)
        elif (notice := mcp.on_its_own(message)) is not None:
            self.conversation.hear(notice[0])
            self._on_told(*notice)
        elif (relay := self._only_relay()) is not None and (notice := mcp.told(message)) is not None:
            relay.notify(*notice)
        elif relay is not None and mcp.asks(message):
            self._ask_aside(message, relay)
        elif (reply := mcp.reply_to(message)) is not None:
            self._reply(reply)

    def _take_garbage(self, line: bytearray) -> None:
        self._garbage.append(mcp.clean(line[:_TAIL_BYTES].decode("utf-8", "replace"), self._program.secrets))
        if len(self._garbage) > _MAX_GARBAGE:
            self._end("it wrote too many lines that are not JSON-RPC")

    def _told_too_much(self, message: Message | None) -> bool:
        self._told = 0 if message is not None and mcp.is_answer(message) else self._told + 1
        return self._told > self._limits.max_told

    def _only_relay(self) -> Relay | None:
        """The client that the server must mean.

        A pipe does not say which call a message belongs to: with several under way it is anybody's, and so nobody's.
        """
        return next(iter(self._relays.values())) if len(self._relays) == len(self._pending) == 1 else None

    def _ask_aside(self, message: Message, relay: Relay) -> None:
        if len(self._aside) < self._limits.max_aside:
            task = asyncio.create_task(self._pass_on(message, relay))
            self._aside.add(task)
            task.add_done_callback(self._aside.discard)

    async def _pass_on(self, message: Message, relay: Relay) -> None:
        self._reply(await mcp.answered(message, relay))

    def _reply(self, reply: Message) -> None:
        if self._writable.is_set():
            self._write(mcp.encode(reply, self._limits.max_message_bytes))

    def _write(self, data: bytes) -> bool:
        """Hand a line to the operating system. False: it did not take a byte of it."""
        if self._stdin is None or self._leaving or self._ended or self._stdin.is_closing():
            return False
        self._stdin.write(data + b"\n")
        # asyncio tries at once, and closes the pipe when that fails; uvloop tries later, and we assume the worst.
        return not self._stdin.is_closing()

    def _signal(self, number: signal.Signals) -> None:
        """To the whole process group, whose number is the program's own."""
        if self._transport is not None and not self._swept:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._transport.get_pid(), number)
