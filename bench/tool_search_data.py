"""Tools made up for measuring search at scale: plausible, seeded, as many as are asked for; and requests for some.

A tool is a verb, a thing, a quality of that thing and a product, put into one of several sentences as vendors write
them. A request says the same with other verbs and another order, as a person would, so keyword search alone is not
enough, and the product alone is not either: a thousand tools share it.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from swarmstead.gateway.search.contract import ToolDocument

_VERBS = {
    "create": ("make", "set up", "open"),
    "list": ("show", "see all", "enumerate"),
    "delete": ("remove", "get rid of", "drop"),
    "update": ("change", "modify", "edit"),
    "describe": ("show details of", "explain", "inspect"),
    "export": ("download", "dump", "save"),
    "import": ("load", "upload", "bring in"),
    "restart": ("reboot", "bounce", "start again"),
    "archive": ("put away", "retire", "shelve"),
    "search": ("find", "look for", "look up"),
    "validate": ("check", "verify", "test"),
    "schedule": ("plan", "book", "set a time for"),
    "approve": ("accept", "sign off", "confirm"),
    "assign": ("give", "hand over", "allocate"),
    "merge": ("combine", "join", "unite"),
    "compare": ("diff", "contrast", "see the difference between"),
    "notify": ("alert", "tell people about", "send a message about"),
    "estimate": ("guess", "forecast", "predict"),
    "clone": ("copy", "duplicate", "replicate"),
    "rotate": ("renew", "replace", "swap"),
}
_THING_WORDS = (
    "invoice ticket deployment certificate dashboard database backup cluster queue topic webhook secret policy budget "
    "contract customer order shipment payment refund subscription calendar meeting document folder spreadsheet report "
    "alert incident runbook playbook pipeline build artifact branch commit release image container volume snapshot "
    "network subnet firewall route domain record zone mailbox message thread channel contact campaign survey form lead "
    "opportunity quote product catalog warehouse supplier employee payroll vacation timesheet expense asset license "
    "device sensor camera gateway firmware vehicle trip flight hotel reservation menu recipe workout prescription "
    "appointment patient claim loan account transaction portfolio trade currency forecast"
)
_QUALITY_WORDS = (
    "overdue daily encrypted shared archived regional temporary recurring failed pending private public nightly annual "
    "internal external duplicate expired manual automatic remote local draft signed unpaid partial bulk primary "
    "secondary legacy experimental seasonal weekly quarterly disabled locked anonymous verified stale idle"
)
_SENTENCES = (
    "{Verb}s a {quality} {thing} in {product}.",
    "{Verb} one or more {quality} {thing}s that belong to your {product} workspace.",
    "Use this tool to {verb} the {quality} {thing} with the given id through the {product} API.",
    "{product}: {verb} {quality} {thing}s. Returns the id, the status and the time of the last change.",
)
_REQUESTS = (
    "{verb} the {quality} {thing} in {product}",
    "I need to {verb} a {quality} {thing} on {product}",
    "in {product}, please {verb} every {thing} that is {quality}",
    "can you {verb} our {quality} {product} {thing}s?",
)
_SYLLABLE_WORDS = "ba cor dex fin gal hub jet kor lum mon nex or pix quo rel syn tan ux ver wis xen yar zed"
_THINGS, _QUALITIES, _SYLLABLES = _THING_WORDS.split(), _QUALITY_WORDS.split(), _SYLLABLE_WORDS.split()
_RISKS = ("read", "write", "danger")


@dataclass(frozen=True, slots=True)
class Planted:
    """A request, and the server and name of the tool that answers it."""

    request: str
    server: str
    name: str


def product(number: int) -> str:
    """The number-th product's name, such as `Korfinlum`."""
    base, parts = len(_SYLLABLES), list[str]()
    number += base * base
    while number:
        number, rest = divmod(number, base)
        parts.append(_SYLLABLES[rest])
    return "".join(parts).capitalize()


def tools(count: int, seed: int = 1) -> Iterator[ToolDocument]:
    """`count` different tools, a thousand to a server; the same for the same seed."""
    rng = random.Random(seed)
    verbs = list(_VERBS)
    combinations = len(verbs) * len(_THINGS) * len(_QUALITIES)
    for start in range(0, count, 1000):
        server = product(start // 1000)
        for pick in rng.sample(range(combinations), min(1000, count - start)):
            verb, rest = verbs[pick % len(verbs)], pick // len(verbs)
            thing, quality = _THINGS[rest % len(_THINGS)], _QUALITIES[rest // len(_THINGS)]
            yield _tool(rng, server, verb, quality, thing)


def _tool(rng: random.Random, server: str, verb: str, quality: str, thing: str) -> ToolDocument:
    words = {"verb": verb, "Verb": verb.capitalize(), "quality": quality, "thing": thing, "product": server}
    return ToolDocument(
        server=server.lower(),
        name=f"{verb}_{quality}_{thing}",
        description=rng.choice(_SENTENCES).format(**words),
        parameters={f"{thing}_id": f"The id of the {thing}.", "dry_run": "Only say what would happen."},
        risk=rng.choice(_RISKS),
    )


def planted(documents: list[ToolDocument], count: int, seed: int = 2) -> list[Planted]:
    """Requests for `count` of the tools, in a person's words."""
    rng = random.Random(seed)
    found: list[Planted] = []
    for document in rng.sample(documents, min(count, len(documents))):
        verb, quality, thing = document.name.split("_")
        request = rng.choice(_REQUESTS).format(
            verb=rng.choice(_VERBS[verb]), quality=quality, thing=thing, product=document.server.capitalize()
        )
        found.append(Planted(request, document.server, document.name))
    return found
