"""An operator's files in force: applied at start, and again when they change. A bad change leaves the last good one."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from swarmstead.kernel.clock import Clock
from swarmstead.kernel.errors import SteadError, Unavailable
from swarmstead.kernel.hashing import digest
from swarmstead.resources.contract import Document
from swarmstead.resources.errors import DeclaredElsewhere, ManifestRefused
from swarmstead.resources.files import DeclaredFiles
from swarmstead.telemetry.contract import config_read

log = logging.getLogger(__name__)
_LOOK_EVERY_S = 1.0
Apply = Callable[[Sequence[Document]], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class InForce:
    """What is in force: its digest, and since when (ms).

    `refused`: where what stands in the files now is wrong; '' when it is in force.
    """

    digest: str
    since: int
    refused: str = ""


class Following:
    """Keeps what the files declare applied by `apply(documents)`, which answers what it did, one line each."""

    def __init__(self, files: DeclaredFiles, apply: Apply, clock: Clock) -> None:
        self.state = InForce("", clock.now_ms())
        self._files = files
        self._apply = apply
        self._clock = clock
        self._asked = asyncio.Event()
        self._held_up: tuple[Sequence[Document], str] | None = None

    async def begin(self, documents: Sequence[Document]) -> None:
        """Apply what was loaded at start. Fails: as `apply`."""
        await self._take(documents)

    async def declaring(self, kind: str, name: str) -> str:
        """The file that declares it, and so brings it back whenever any of the files changes; '' for none."""
        return await asyncio.to_thread(self._files.declaring, kind, name)

    async def watch(self) -> None:
        """Until cancelled: look every second, and at once upon SIGHUP. What goes wrong is logged and counted."""
        loop = asyncio.get_running_loop()
        with suppress(ValueError, RuntimeError):  # not the main thread: nobody sends a signal here
            loop.add_signal_handler(signal.SIGHUP, self._asked.set)
        try:
            while True:
                await self._look(forced=await self._hurried())
        finally:
            with suppress(ValueError, RuntimeError):
                loop.remove_signal_handler(signal.SIGHUP)

    async def _hurried(self) -> bool:
        """Wait for the next look; whether somebody asked for it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_EVERY_S):
                await self._asked.wait()
        asked = self._asked.is_set()
        self._asked.clear()
        return asked

    async def _look(self, *, forced: bool) -> None:
        """Files that are being written are left alone until they have stood for a second: half of one may be good."""
        if not forced:
            found = await asyncio.to_thread(self._files.state)
            if found == self._files.loaded:
                if self._held_up:
                    await self._try(self._held_up[0])
                return
            await asyncio.sleep(_LOOK_EVERY_S)
            if await asyncio.to_thread(self._files.state) != found:
                return
        self._held_up = None
        await self._try()

    async def _try(self, documents: Sequence[Document] | None = None) -> None:
        """Take these, or read what the files declare now. What is in their way may go without a change of the files."""
        try:
            documents = await asyncio.to_thread(self._files.load) if documents is None else documents
            await self._take(documents)
        except DeclaredElsewhere as error:
            if self._held_up != (documents, error.message):  # it is said once, and looked at every second
                self._refuse(error)
            self._held_up = documents or [], error.message
        except Unavailable:
            self._again("the database does not answer")
        except SteadError as error:
            self._refuse(error)
        except Exception:
            log.exception("taking the configuration failed")
            self.state = replace(self.state, refused="it cannot be taken; the server's log says more")
            if documents is None:  # reading the same files again comes to the same: once they have changed
                config_read("refused")
            else:
                self._again("see above")

    def _again(self, why: str) -> None:
        config_read("failed")
        self._files.loaded = ()
        log.error("the configuration could not be applied and is tried again: %s", why)

    async def _take(self, documents: Sequence[Document]) -> None:
        named = digest(sorted([one.kind, one.metadata.name, one.digest] for one in documents))
        done = await self._apply(documents)
        self._held_up = None
        config_read("applied" if done else "unchanged")
        self.state = InForce(named, self._clock.now_ms() if named != self.state.digest else self.state.since)
        for line in done:
            log.info("configuration: %s", line)
        log.info("configuration: %d documents are in force", len(documents))

    def _refuse(self, error: SteadError) -> None:
        config_read("refused")
        where = "a file cannot be read"
        if isinstance(error, ManifestRefused):  # its words may repeat what stands there: those are for the log only
            first = error.errors[0]
            where = f"{Path(first.file).name}:{first.line}:{first.column}"
        elif isinstance(error, DeclaredElsewhere):
            where = "another owner's files declare one of its resources"
        self.state = replace(self.state, refused=where)
        log.error("the configuration is refused, and the last good one stays in force: %s", error.message)
