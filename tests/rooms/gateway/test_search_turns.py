"""Searches at a time: so many of a tenant, whoever asks; others wait for their turn, and not without end."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from swarmstead.gateway.errors import Overloaded
from swarmstead.gateway.search import turns
from swarmstead.gateway.search.turns import Turns


class Searchers:
    """Searches that go on until they are released."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._release = asyncio.Event()
        self.inside: list[str] = []
        self.most = 0
        self.tasks: list[asyncio.Task[None]] = []

    def start(self, who: str, tenant: str = "acme") -> None:
        """One more."""
        self.tasks.append(asyncio.create_task(self._search(who, tenant)))

    async def _search(self, who: str, tenant: str) -> None:
        async with self._turns.one(tenant, who):
            self.inside.append(who)
            self.most = max(self.most, len(self.inside))
            await self._release.wait()
            self.inside.remove(who)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Give way to the others until it holds."""
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - what a gate holds is looked at; it tells nobody
                await asyncio.sleep(0)

    async def release(self) -> None:
        """Let all end."""
        self._release.set()
        await asyncio.gather(*self.tasks)


async def test_one_tenant_searches_so_often_at_a_time_and_others_do_not_wait_for_it() -> None:
    searchers = Searchers(Turns(2))
    for _ in range(6):
        searchers.start("ann")
    searchers.start("bob", "evil")
    await searchers.until(lambda: "bob" in searchers.inside)
    assert sorted(searchers.inside) == ["ann", "ann", "bob"]
    await searchers.release()
    assert (searchers.most, searchers.inside) == (3, [])


async def test_where_too_many_wait_the_next_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_WAITING", 1)
    searchers = Searchers(made := Turns(1))
    searchers.start("ann")
    searchers.start("ann")
    await searchers.until(lambda: bool(searchers.inside))
    with pytest.raises(Overloaded, match="1 more wait") as refused:
        async with made.one("acme", "ann"):
            raise AssertionError("let in")
    assert refused.value.extra == {"retry_after_s": 1.0}
    assert "STEAD_SEARCH_CONCURRENCY" in refused.value.way_out
    await searchers.release()


async def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_PATIENCE_S", 0.01)
    searchers = Searchers(made := Turns(1))
    searchers.start("ann")
    await searchers.until(lambda: bool(searchers.inside))
    with pytest.raises(Overloaded, match="none ended"):
        async with made.one("acme", "bob"):
            raise AssertionError("let in")
    await searchers.release()
    async with made.one("acme", "bob"):  # nothing is left behind
        pass


async def test_a_search_that_is_called_off_keeps_its_turn_until_its_thread_ends() -> None:
    turns, end = Turns(1), threading.Event()
    began = [threading.Event(), threading.Event()]

    def search(nth: int) -> None:
        began[nth].set()
        end.wait(20)

    first = asyncio.create_task(turns.in_thread("acme", "ann", lambda: search(0)))
    await asyncio.to_thread(began[0].wait, 20)
    first.cancel()
    second = asyncio.create_task(turns.in_thread("acme", "ann", lambda: search(1)))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not began[1].is_set()
    end.set()
    await second
    assert first.cancelled()
