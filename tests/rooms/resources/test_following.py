"""What an operator's files declare is followed; what is wrong with them is told, whether or not anybody foresaw it."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from swarmstead.resources import following, manifests
from swarmstead.resources.contract import Document
from swarmstead.resources.files import DeclaredFiles, State
from swarmstead.resources.following import Following
from swarmstead.wiring import KINDS
from tests.clocks import MovableClock
from tests.rooms.resources.test_files import binding

_WITHIN_S = 30


class Looked(DeclaredFiles):
    """Files that count how often somebody has looked whether they have changed."""

    def __init__(self, folder: Path) -> None:
        super().__init__([folder], KINDS)
        self.looked, self.looks = asyncio.Event(), 0
        self._loop = asyncio.get_running_loop()

    def state(self) -> State:
        """As the files' own; the event is set."""
        self.looks += 1
        self._loop.call_soon_threadsafe(self.looked.set)
        return super().state()


class Followed:
    """Two files that are followed, and what was applied of them last."""

    def __init__(self, folder: Path, clock: MovableClock) -> None:
        self.one, self.two = folder / "one.yaml", folder / "two.yaml"
        self.one.write_text(binding("one"))
        self.two.write_text(binding("two"))
        self.files = Looked(folder)
        self.following = Following(self.files, self._apply, clock)
        self.names: list[str] = []
        self.broken = False

    async def _apply(self, documents: Sequence[Document]) -> Sequence[str]:
        if self.broken:
            raise ZeroDivisionError
        self.names = [one.metadata.name for one in documents]
        return self.names

    async def until(self, there: Callable[[], bool]) -> None:
        """Follow the files until it is so."""
        watching = asyncio.create_task(self.following.watch())
        try:
            async with asyncio.timeout(_WITHIN_S):
                while not there():
                    self.files.looked.clear()
                    await self.files.looked.wait()
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching


@pytest_asyncio.fixture
async def followed(tmp_path: Path, clock: MovableClock, monkeypatch: pytest.MonkeyPatch) -> Followed:
    monkeypatch.setattr(following, "_LOOK_EVERY_S", 0.02)
    return Followed(tmp_path, clock)


async def test_an_escape_that_is_no_character_is_refused_with_its_place(followed: Followed) -> None:
    await followed.following.begin(followed.files.load())
    followed.one.write_text(f'{binding("one")}---\na: "\\U00110000"\n')
    await followed.until(lambda: bool(followed.following.state.refused))
    assert followed.following.state.refused == "one.yaml:6:7"
    followed.one.write_text(binding("mended"))
    await followed.until(lambda: followed.names == ["mended", "two"])
    assert followed.following.state.refused == ""


async def test_what_nobody_foresaw_in_reading_is_a_refusal_too(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read once and not over and over; the next change of a file is taken like any other."""
    await followed.following.begin(followed.files.load())
    reads = list[int]()

    def fail(*_: object) -> list[Document]:
        reads.append(1)
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(manifests, "parse_all", fail)
        followed.two.write_text(binding("other"))
        await followed.until(lambda: bool(followed.following.state.refused))
        seen = followed.files.looks
        await followed.until(lambda: followed.files.looks > seen + 3)
        assert len(reads) == 1
    followed.two.write_text(binding("third"))
    await followed.until(lambda: followed.names == ["one", "third"])
    assert followed.following.state.refused == ""


async def test_what_cannot_be_applied_is_tried_again_and_told_meanwhile(followed: Followed) -> None:
    await followed.following.begin(followed.files.load())
    followed.broken = True
    followed.two.write_text(binding("other"))
    await followed.until(lambda: bool(followed.following.state.refused))
    followed.broken = False
    await followed.until(lambda: followed.names == ["one", "other"])
    assert followed.following.state.refused == ""
