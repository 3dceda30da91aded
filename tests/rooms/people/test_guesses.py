"""Whoever sends wrong credentials is slowed down, and so is nobody else for long."""

import asyncio

import pytest

from swarmstead.kernel.errors import NotSignedIn
from swarmstead.people.cache import Guesses
from swarmstead.people.errors import TooManyGuesses


async def _wrong() -> None:
    raise NotSignedIn("no")


async def test_guesses_count_by_network_and_are_bounded() -> None:
    guesses = Guesses(most=3)
    for number in range(30):
        with pytest.raises(NotSignedIn):
            await guesses.look(f"2001:db8::{number:x}", 0, _wrong)
    with pytest.raises(TooManyGuesses):
        await guesses.look("2001:db8::ffff", 0, _wrong)
    for fair in ("2001:db8:1::1", "not:an:address"):
        with pytest.raises(NotSignedIn):
            await guesses.look(fair, 0, _wrong)
    for number in range(10):
        with pytest.raises(NotSignedIn):
            await guesses.look(f"10.0.0.{number}", 0, _wrong)
    assert len(vars(guesses)["_left"]) == 3


async def test_an_address_in_debt_is_looked_at_at_its_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """One look after each pause, however many are sent at once; the pause is that of five a second."""
    guesses, looks, pauses, go_on = Guesses(), 0, list[float](), asyncio.Queue[None]()

    async def look() -> None:
        nonlocal looks
        looks += 1
        raise NotSignedIn("no")

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        await go_on.get()

    for _ in range(30):
        with pytest.raises(NotSignedIn):
            await guesses.look("10.0.0.1", 0, look)
    monkeypatch.setattr(asyncio, "sleep", pause)
    waiting = [asyncio.create_task(guesses.look("10.0.0.1", 0, look)) for _ in range(10)]
    for number in range(1, 11):
        while looks < 30 + number or len(pauses) < number:
            await asyncio.wait(waiting, timeout=0)
        assert (looks, pauses) == (30 + number, [0.2] * number)
        go_on.put_nowait(None)
    assert {type(one) for one in await asyncio.gather(*waiting, return_exceptions=True)} == {TooManyGuesses}


async def test_looks_from_an_address_in_debt_take_turns_and_so_many_wait() -> None:
    guesses, at_once, most, go = Guesses(), 0, 0, asyncio.Event()
    for _ in range(30):
        with pytest.raises(NotSignedIn):
            await guesses.look("10.0.0.1", 0, _wrong)

    async def slow() -> str:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await go.wait()
        at_once -= 1
        return "good"

    waiting = [asyncio.create_task(guesses.look("10.0.0.1", 0, slow)) for _ in range(40)]
    done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
    assert all(isinstance(one.exception(), TooManyGuesses) for one in done)
    go.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert most == 1
    assert answers.count("good") == 32
    assert not vars(guesses)["_queues"]
