"""A run's events, live, over as many connections as it takes: each goes on where the last one ended."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from swarmstead.doors.cli.client import BEAT, Client, Refused, part
from swarmstead.kernel.errors import SteadError, Unavailable

_GIVE_UP_S = 120.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.2, 2.0


class Follower:
    """Reads one run's events. A lost connection is told through `notice` and opened again after the last event seen."""

    def __init__(self, client: Client, run: str, notice: Callable[[str], None], give_up_s: float = _GIVE_UP_S) -> None:
        self._client = client
        self._path = f"/api/v1/runs/{part(run)}/events"
        self._notice = notice
        self._give_up_s = give_up_s
        self._after = 0
        self._lost_at = 0.0
        self._fault = ""
        self._wait = _FIRST_WAIT_S
        self._ended = False

    def events(self) -> Iterator[dict[str, Any]]:
        """Every event from the first on, until the run has ended.

        Fails: ServerAbsent or ServerCutOff when the server stays away for too long; Refused.
        """
        while not self._ended:
            failure: SteadError | None = None
            try:
                yield from self._connection()
            except Unavailable as error:
                failure = error
            except Refused as error:
                if not error.is_servers_fault:
                    raise
                failure = error
            if not self._ended:
                self._rest(failure)

    def _connection(self) -> Iterator[dict[str, Any]]:
        for event in self._client.events(self._path, self._after):
            if self._lost_at:
                self._notice("connected again")
                self._lost_at, self._wait = 0.0, _FIRST_WAIT_S
            if event.kind == "end":
                self._ended = True
                return
            if event.kind == BEAT:
                self._look_at_the_server()
            elif event.seq > self._after:
                self._after = event.seq
                yield event.data

    def _look_at_the_server(self) -> None:
        """Nothing has happened for a while: say so where the server itself is the reason, once for each reason."""
        try:
            fault = self._client.fault()
        except SteadError:
            return  # the stream will tell
        if fault and fault != self._fault:
            self._notice(f"the server is not well, and the run may have to wait: {fault}")
        elif self._fault and not fault:
            self._notice("the server is well again")
        self._fault = fault

    def _rest(self, failure: SteadError | None) -> None:
        """Wait a little, longer each time. Fails: the failure, when it has lasted for too long."""
        now = time.monotonic()
        if not self._lost_at:
            self._lost_at = now
            self._notice("connection lost; the run goes on, trying again")
        elif failure is not None and now - self._lost_at > self._give_up_s:
            raise failure
        time.sleep(self._wait)
        self._wait = min(self._wait * 2, _LONGEST_WAIT_S)
