"""Connections to one scheme, host and port: kept for a moment, bounded in number, handed out in turn."""

import asyncio
import itertools
from collections import deque

from swarmstead.gateway.adapters.http.connection import Connection
from swarmstead.gateway.adapters.http.dialer import Dialer
from swarmstead.gateway.adapters.http.errors import NotConnected
from swarmstead.gateway.adapters.http.limits import HttpLimits
from swarmstead.gateway.targets import Target

_ERAS = itertools.count(1)


class Pool:
    """Belongs to one event loop.

    An era lasts as long as there is any connection: whoever is at the other end has not been started anew meanwhile.

    Invariants: `_open` counts connections that are there or being made, and not lent, `max_per_host` at most; nobody
    waits while one is idle.
    """

    def __init__(self, target: Target, dialer: Dialer, limits: HttpLimits) -> None:
        self._target = target
        self._dialer = dialer
        self._limits = limits
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._lent: set[Connection] = set()
        """Those whose answers wait for a person: they keep nobody from the server."""
        self._open = 0
        self._addresses: frozenset[str] = frozenset()
        """Those that the last look-up gave: what leads elsewhere is not used again."""
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._era = 0

    @property
    def empty(self) -> bool:
        """Whether there is nothing to keep it for."""
        return not self._open and not self._lent and not self._waiting

    def take(self) -> Connection | None:
        """An idle connection that is good for a request, the one used last; None when there is none."""
        now = self._loop.time()
        while self._idle:
            connection = self._idle.pop()
            if self._fresh(connection, now) and connection.alive:
                return connection
            connection.abort()
        return None

    async def get(self) -> Connection:
        """A new connection, or the next one that becomes free. Fails: Refused, NotConnected."""
        if self._open < self._limits.max_per_host:
            self._open += 1
            return await self._new()
        while (connection := await self._next_free()) is not None:
            if connection.alive:
                return connection
            connection.abort()
        return await self._new()

    def put_back(self, connection: Connection) -> None:
        """It was not used after all."""
        self._on_free(connection)

    def lend(self, connection: Connection) -> None:
        """Count it no more, until its answer is over. Doing it twice changes nothing."""
        if connection in self._all and connection not in self._lent:
            self._lent.add(connection)
            self._vacate()

    def tidy(self) -> None:
        """Close what has been idle for too long."""
        now = self._loop.time()
        old = [connection for connection in self._idle if not self._fresh(connection, now)]
        for connection in old:
            self._idle.remove(connection)
            connection.abort()

    def close(self) -> None:
        """Close all connections; requests under way fail."""
        self._closed = True
        self._idle.clear()
        for connection in tuple(self._all):
            connection.abort()

    async def _next_free(self) -> Connection | None:
        """A connection, or None for the right to make one."""
        turn: asyncio.Future[Connection | None] = self._loop.create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it came just as we were called off
                connection = turn.result()
                if connection is None:
                    self._vacate()
                else:
                    self._on_free(connection)
            raise

    async def _new(self) -> Connection:
        """Make one, in a place that is counted already."""
        try:
            self._check_open()
            connection, self._addresses = await self._dialer.dial(self._target, self._on_free)
        except BaseException:
            self._vacate()
            raise
        if connection.closed:  # `_on_free` did not know it yet
            self._vacate()
            raise NotConnected("it closes connections as soon as they are made")
        if all(one.closed for one in self._all):
            self._era = next(_ERAS)
        connection.era = self._era
        self._all.add(connection)
        connection.on_lend = self.lend
        if self._closed:
            connection.abort()
            self._check_open()
        return connection

    def _check_open(self) -> None:
        if self._closed:
            raise NotConnected("we are shutting down")

    def _fresh(self, connection: Connection, now: float) -> bool:
        return now - connection.idle_since < self._limits.keep_alive_s and self._current(connection, now)

    def _current(self, connection: Connection, now: float) -> bool:
        return now - connection.made_at < self._limits.max_age_s and connection.address in self._addresses

    def _on_free(self, connection: Connection) -> None:
        """A connection may serve again, or has ended."""
        if connection.closed:
            if connection in self._all:
                self._all.remove(connection)
                if connection in self._idle:
                    self._idle.remove(connection)
                if connection in self._lent:
                    self._lent.remove(connection)
                else:
                    self._vacate()
            return
        if connection in self._lent:
            if self._open >= self._limits.max_per_host:
                connection.abort()
                return
            self._lent.remove(connection)
            self._open += 1
        now = self._loop.time()
        connection.idle_since = now
        if not self._waiting:
            self._idle.append(connection)
        elif not self._current(connection, now):
            connection.abort()  # its place goes to the next in turn
        elif (turn := self._next_turn()) is not None:
            turn.set_result(connection)
        else:
            self._idle.append(connection)

    def _vacate(self) -> None:
        """Give a place to the next in turn, or free it."""
        turn = self._next_turn()
        if turn is not None:
            turn.set_result(None)
        else:
            self._open -= 1

    def _next_turn(self) -> "asyncio.Future[Connection | None] | None":
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                return turn
        return None
