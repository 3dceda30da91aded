"""Tool definitions as the servers give them: classed, held against their pins, with their contracts compiled once."""

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from swarmstead.gateway.contract import ServerRef, Tool, ToolServerSpec
from swarmstead.gateway.errors import UpstreamFailed
from swarmstead.gateway.model import tool_from
from swarmstead.gateway.offers import (
    Book,
    Conversation,
    Listed,
    Listing,
    Look,
    Offer,
    Place,
    Reading,
    Tools,
    check_same,
)
from swarmstead.gateway.pins.handlers import Seen, topic
from swarmstead.gateway.pins.keeper import Pins
from swarmstead.gateway.pins.model import Status, problem_of
from swarmstead.gateway.ports import Upstream
from swarmstead.gateway.schemas.compiled import contract_of
from swarmstead.gateway.schemas.limits import ContractLimits
from swarmstead.kernel.clock import Clock
from swarmstead.kernel.errors import SteadError
from swarmstead.kernel.hashing import canonical_json
from swarmstead.kernel.tasks import seen
from swarmstead.storage.signals import EVERYTHING

log = logging.getLogger(__name__)

_LIFE_MS = 60_000
_MAX_TOOLS = 2_000
_MOST_SERVERS = 512
_LONGEST_NAME = 200
_UNCLASSED = "Nobody has said what it may do, so its calls are denied: name it in spec.risk as read, write or danger."
_BROKEN = "sha256:"  # no definition has this hash


class Catalogue:
    """Definitions per server and folder, and per session: no call goes out in one that was not looked at itself.

    Asked for again after a minute, and at once when a person decides about one, when the server says over any session
    that they have changed, and in each new session. Sessions that offer the same share what is read of any of them.

    Cost: a hit is a dictionary look-up; a miss is one `tools/list` (and, for stdio, the start of a process), one read
    of the pins, and the compiling of what has changed, off the event loop. At most `_MOST_SERVERS` lists are kept. Of
    one session at most one look is under way and one waits, see `Pace` for how soon.
    """

    def __init__(self, upstream: Upstream, clock: Clock, pins: Pins, limits: ContractLimits) -> None:
        self._upstream = upstream
        self._clock = clock
        self._pins = pins
        self._limits = limits
        self._books: OrderedDict[tuple[str, ...], Book] = OrderedDict()
        self._lock = threading.Lock()
        upstream.watch(self.outdated)

    async def tools(self, server: ServerRef) -> Tools:
        """All tools of a server by name, those that may not be called too. Fails: UpstreamFailed, storage.errors.

        Of the session that a call would go out in where there is one that was looked at, else of any.
        """
        now = self._clock.now_ms()
        conversation = self._upstream.conversation(server)
        if conversation is not None and (offer := conversation.offer) is not None and offer.holds(now):
            return offer.tools
        book = self._book(server)
        if (offer := book.latest) is not None and offer.holds(now):
            return offer.tools
        return (await self._look(book, book, server)).offer.tools

    def vet(self, server: ServerRef, judged: Listed, conversation: Conversation) -> Awaitable[Reading] | None:
        """A `Vet` of the call that was judged by this definition."""
        offer = conversation.offer
        if offer is None or not offer.holds(self._clock.now_ms()):
            return self._vetted(server, judged, conversation)
        check_same(judged, offer.tools.get(judged.tool.name))
        return None

    def forget(self, heard: str) -> None:
        """A signal watcher: `tools:TENANT` makes that tenant's lists be asked for, and held against the pins, again."""
        with self._lock:
            for key, book in self._books.items():
                if heard == EVERYTHING or (heard.startswith("tools:") and topic(key[0]) == heard):
                    book.generation += 1

    def outdated(self, server: ServerRef) -> None:
        """Its tools have changed, it says: whoever asks from now on is given what is read from now on."""
        with self._lock:
            book = self._books.get(server.definition)
            if book is not None:
                book.generation += 1
                book.changes += 1

    def _book(self, server: ServerRef) -> Book:
        key = server.definition
        book = self._books.get(key)
        if book is None:
            with self._lock:
                book = self._books[key] = Book()
                while len(self._books) > _MOST_SERVERS:
                    self._books.popitem(last=False)[1].generation += 1
        return book

    async def _vetted(self, server: ServerRef, judged: Listed, conversation: Conversation) -> Reading:
        reading = await self._look(conversation, self._book(server), server)
        check_same(judged, reading.offer.tools.get(judged.tool.name))
        return reading

    async def _look(self, place: Place, book: Book, server: ServerRef) -> Reading:
        """What a look has found that saw all that has happened until now. Fails: UpstreamFailed, storage.errors."""
        happened = book.generation + place.doubts
        while (look := place.looking) is not None and look.as_of is not None and look.as_of < happened:
            await asyncio.wait([look.task])
        if look is None:
            look = place.looking = Look(asyncio.create_task(self._take(place, book, server)))
            look.task.add_done_callback(partial(_ended, place))
        return await asyncio.shield(look.task)  # who is cut off does not take it from those who wait as well

    async def _take(self, place: Place, book: Book, server: ServerRef) -> Reading:
        """A look. Whatever goes wrong with one server that nobody foresaw is told of it, and of no other."""
        try:
            return await self._taken(place, book, server)
        except SteadError:
            raise
        except Exception as error:
            log.exception("the tools of the server %s could not be read", server.name)
            raise UpstreamFailed(
                f"The tools of {server.name!r} could not be read: {type(error).__name__} in Swarmstead.",
                way_out="The log of the server says more.",
            ) from error

    async def _taken(self, place: Place, book: Book, server: ServerRef) -> Reading:
        if place.told is not None and place.told != book.changes:
            await asyncio.sleep(place.pace.wait_s(asyncio.get_running_loop().time()))
        place.told, generation = book.changes, book.generation
        if place.looking is not None:
            place.looking.as_of = generation + place.doubts
        listing = await self._upstream.list_tools(server)
        before = listing.conversation.offer or book.latest
        found = await self._held_against_pins(server, listing.definitions[:_MAX_TOOLS], before.tools if before else {})
        offer = self._noted(server, book, generation, listing, found)
        return Reading(listing.conversation, offer, listing.era)

    async def _held_against_pins(
        self, server: ServerRef, definitions: Sequence[Mapping[str, Any]], before: Tools
    ) -> Tools:
        made = await asyncio.to_thread(_made, server, definitions, before, self._limits)
        given = {name: Seen(one.tool.schema_hash, one.tool.definition) for name, one in made.items() if _pinnable(one)}
        pinned: Mapping[str, Status] = await self._pins.check(server, given) if given else {}
        return {name: _judged(one, pinned.get(name)) for name, one in made.items()}

    def _noted(self, server: ServerRef, book: Book, generation: int, listing: Listing, found: Tools) -> Offer:
        """What was found, for all who it is true of; for nobody else if something was decided meanwhile."""
        conversation, until = listing.conversation, self._clock.now_ms() + _LIFE_MS
        with self._lock:
            if book.generation != generation:
                return Offer(book, generation, until, found)
            known = (conversation.offer, book.latest)
            alike = (one for one in known if one is not None and one.book is book and one.is_like(found))
            offer = next(alike, None) or Offer(book, generation, until, found)
            offer.generation, offer.until, offer.tools = generation, until, found
            if conversation.doubts == listing.doubts:
                conversation.offer = offer
            book.latest = offer
            if server.definition in self._books:
                self._books.move_to_end(server.definition)
        return offer


def _ended(place: Place, task: asyncio.Task[Reading]) -> None:
    place.looking = None
    seen(task)  # those who wait are told by their own await


def _made(server: ServerRef, definitions: Sequence[Mapping[str, Any]], before: Tools, limits: ContractLimits) -> Tools:
    made: dict[str, Listed] = {}
    for definition in definitions:
        tool, problem = _tool(server.name, server.spec, definition, limits)
        known = before.get(tool.name)
        if known is not None and known.tool.schema_hash == tool.schema_hash and known.tool.risk == tool.risk:
            made[tool.name] = Listed(tool, known.contract)
        else:
            made[tool.name] = Listed(tool, contract_of(tool, limits, problem))
    return made


def _tool(server: str, spec: ToolServerSpec, definition: Mapping[str, Any], limits: ContractLimits) -> tuple[Tool, str]:
    """The tool, and why it cannot be used at all; '' if it can."""
    name = str(definition.get("name", ""))
    shown = "".join(sign if sign.isprintable() else "\ufffd" for sign in name)[:_LONGEST_NAME]
    broken = Tool(server, shown, "", {}, None, "unknown", idempotent=False, schema_hash=_BROKEN)
    if name != shown or not name:
        return broken, f"Its name is empty, longer than {_LONGEST_NAME} characters, or has signs that cannot be shown."
    if not isinstance(definition.get("inputSchema") or {}, Mapping):
        return broken, "The schema of its arguments is no JSON object."
    try:
        size = len(canonical_json(dict(definition)))
        tool = tool_from(server, spec, definition)
    except (ValueError, RecursionError, TypeError):
        return broken, "Its definition holds what JSON cannot carry, or is nested too deep."
    if size > limits.definition_bytes:
        return broken, f"Its definition has {size:,} bytes; at most {limits.definition_bytes:,} are read."
    return tool, ""


def _pinnable(listed: Listed) -> bool:
    return listed.tool.schema_hash != _BROKEN


def _judged(listed: Listed, status: Status | None) -> Listed:
    """With its state: a pin that does not fit comes first, for it is what a person has to look at."""
    tool, contract = listed.tool, listed.contract
    warnings = (_UNCLASSED, *contract.warnings) if tool.risk == "unknown" else contract.warnings
    waits = problem_of(status, tool.schema_hash) if _pinnable(listed) else ""
    if waits:
        return Listed(replace(tool, state="quarantined", problem=waits, warnings=warnings), contract)
    if contract.problem:
        return Listed(replace(tool, state="unusable", problem=contract.problem), contract)
    return Listed(replace(tool, warnings=warnings), contract) if warnings else listed
