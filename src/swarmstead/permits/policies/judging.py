"""A set of rules that Cedar has parsed, and what it says about a call.

Cedar answers per action. Straight through is `Action::"call"`; where that is not allowed, `Action::"plan"` says
whether a person may allow it. Resources and prompts are read, `Action::"read"`, or not. An error while a rule is
evaluated makes a forbid hold and a permit not; so does an argument that the rule reads and Cedar cannot hold.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from swarmstead.permits.contract import PolicyQuestion, Verdict, What
from swarmstead.permits.policies import engine, syntax, values
from swarmstead.permits.policies.reading import Rule
from swarmstead.permits.policies.syntax import ArgumentPath, Uid
from swarmstead.permits.policies.types import Shape, typed

_FAILED = re.compile(r"error while evaluating policy `r(\d+)`")


@dataclass(frozen=True, slots=True)
class Ruling:
    """A rule in force. `policy` is the Policy it stands in; '' for the built-in ones."""

    id: str
    policy: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known of a caller and a tool beyond the question: labels, and whether the environment is production."""

    production: bool
    agent_labels: Mapping[str, str] = field(default_factory=dict[str, str])
    server_labels: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Subject:
    """Who, what and where, as Cedar takes it. The uids are followed by those of what they lie in."""

    principal: tuple[Uid, ...]
    resource: tuple[Uid, ...]
    entities: Any
    environment: Mapping[str, Any]
    labels: Mapping[str, str]
    ways: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """An effect and the rules it comes from; none where nothing permits. `conditional`: rules that were left out."""

    effect: Verdict
    rulings: tuple[Ruling, ...]
    conditional: tuple[Ruling, ...] = ()


@dataclass(frozen=True, slots=True)
class _Said:
    permits: frozenset[int]
    forbids: frozenset[int]
    evaluated: bool = True

    @property
    def allowed(self) -> bool:
        """Whether something permits, and nothing forbids."""
        return self.evaluated and bool(self.permits) and not self.forbids


def ways_to(what: What) -> tuple[str, ...]:
    """The actions that are asked about, in this order; what the last one does not permit is denied."""
    return ("call", "plan") if what == "tool" else ("read",)


def uids(tenant: str, question: PolicyQuestion) -> tuple[tuple[Uid, ...], tuple[Uid, ...]]:
    """Caller and tool (or resource, or prompt), each followed by what it lies in."""
    house: Uid = ("Tenant", tenant)
    caller: Uid = ("Agent" if question.kind == "agent" else "User", question.principal)
    thing: Uid = (question.what.capitalize(), f"{question.server}/{question.tool}")
    return (caller, house), (thing, ("Server", question.server), house)


def subject(tenant: str, question: PolicyQuestion, around: Surroundings) -> Subject:
    """The question without its arguments. Cost: about 30 us."""
    principal, resource = uids(tenant, question)
    (caller, house), (thing, server, _) = principal, resource
    attributes: dict[str, Any] = {"name": question.name}
    if question.kind == "agent":
        attributes |= {"digest": question.digest, "swarm": question.swarm}
    else:
        attributes["roles"] = sorted(question.roles)
    facts = {"server": question.server, "name": question.tool, "risk": question.risk, "idempotent": question.idempotent}
    entities = [
        _entity(caller, [house], attributes, around.agent_labels if question.kind == "agent" else {}),
        _entity(thing, [server], facts, around.server_labels),
        _entity(server, [house], {}, {}),
    ]
    return Subject(
        principal,
        resource,
        engine.parse_entities(entities),
        {"name": question.environment, "production": around.production},
        around.server_labels,
        ways_to(question.what),
    )


def _entity(uid: Uid, parents: Sequence[Uid], attrs: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    return {"uid": _json(uid), "parents": [_json(one) for one in parents], "attrs": attrs, "tags": dict(tags)}


def _json(uid: Uid) -> dict[str, str]:
    return {"type": uid[0], "id": uid[1]}


class RuleSet:
    """Rules that hold together, parsed once.

    Cost: a verdict that is not cached takes 30 to 80 us, most of it Cedar's reading of the request.
    """

    def __init__(self, rulings: Iterable[Ruling]) -> None:
        self.rulings = tuple(rulings)
        rules = [ruling.rule for ruling in self.rulings]
        self._reads_labels = any(rule.reads.labels or () in rule.reads.values for rule in rules)
        self._wanted = values.wanted(
            (path for rule in rules for path in rule.reads.values),
            (path for rule in rules for path in rule.reads.presence),
            _decimals([rule.shape for rule in rules]),
        )
        self._parsed: dict[tuple[bool, bool], Any] = {}

    def conditional(self, who: Subject, *, arguments: bool, clock: bool) -> tuple[Ruling, ...]:
        """The rules that may apply and read what is not known."""
        return tuple(
            ruling
            for ruling in self.rulings
            if _unknown(ruling.rule, arguments=arguments, clock=clock)
            and any(syntax.may_apply(ruling.rule.policy, way, who.principal, who.resource) for way in who.ways)
        )

    def judge(self, who: Subject, arguments: Mapping[str, Any] | None, at_ms: int | None) -> Outcome:
        """The outcome. Rules that read what is None are left out, and named as conditional where they may apply."""
        known = {"arguments": arguments is not None, "clock": at_ms is not None}
        record = values.record(arguments or {}, self._wanted)
        context = {
            "arguments": record.value,
            "environment": who.environment,
            "time": _time(at_ms or 0),
            "labels": who.labels if self._reads_labels else {},
        }
        text = json.dumps(context)
        left_out = self.conditional(who, **known)
        call = self._ask(who.ways[0], who, text, record.lost, **known)
        if call.allowed:
            return Outcome("allow", self._named(call.permits), left_out)
        plan = self._ask("plan", who, text, record.lost, **known) if "plan" in who.ways else call
        if plan.allowed:
            return Outcome("ask", self._named(call.forbids or plan.permits), left_out)
        if call.forbids and plan.forbids:
            left_out = ()  # nothing that they say can change it
        return Outcome("deny", self._named(plan.forbids or call.forbids), left_out)

    def _ask(
        self, action: str, who: Subject, context: str, lost: set[ArgumentPath], *, arguments: bool, clock: bool
    ) -> _Said:
        request = {
            "principal": _json(who.principal[0]),
            "action": {"type": "Action", "id": action},
            "resource": _json(who.resource[0]),
            "context": context,
        }
        answer = engine.ask(self._handle(arguments=arguments, clock=clock), who.entities, request)
        failed = [_FAILED.match(error) for error in answer.errors]
        if not answer.evaluated or None in failed:
            return _Said(frozenset(), frozenset(), evaluated=False)
        reasons = {int(name[1:]) for name in answer.reasons}
        doubtful = {int(match.group(1)) for match in failed if match} | self._touching(lost, action, who)
        forbids = {number for number in doubtful if self.rulings[number].rule.effect == "forbid"}
        if answer.allowed:
            return _Said(frozenset(reasons - doubtful), frozenset(forbids))
        return _Said(frozenset(), frozenset(reasons | forbids))

    def _touching(self, lost: set[ArgumentPath], action: str, who: Subject) -> set[int]:
        """The rules that may apply and read something that could not be said."""
        if not lost:
            return set()
        return {
            number
            for number, ruling in enumerate(self.rulings)
            if _touches(ruling.rule.reads, lost)
            and syntax.may_apply(ruling.rule.policy, action, who.principal, who.resource)
        }

    def _handle(self, *, arguments: bool, clock: bool) -> Any:
        """The rules for Cedar, but those that read what is not known. Parsed on first use."""
        found = self._parsed.get((arguments, clock))
        if found is None:
            rules = {
                f"r{number}": ruling.rule.policy
                for number, ruling in enumerate(self.rulings)
                if not _unknown(ruling.rule, arguments=arguments, clock=clock)
            }
            found = self._parsed[arguments, clock] = engine.parse(rules)
        return found

    def _named(self, numbers: Iterable[int]) -> tuple[Ruling, ...]:
        return tuple(self.rulings[number] for number in sorted(numbers))


def _unknown(rule: Rule, *, arguments: bool, clock: bool) -> bool:
    return (rule.reads.arguments and not arguments) or (rule.reads.clock and not clock)


def _touches(reads: syntax.Reads, lost: set[ArgumentPath]) -> bool:
    return any(
        path[: len(gone)] == gone or (gone[: len(path)] == path and path in reads.values)
        for gone in lost
        for path in reads.values | reads.presence
    )


def _decimals(shapes: Sequence[Shape]) -> set[ArgumentPath]:
    """The paths that some rule compares as a decimal and none as a whole number."""
    whole: set[ArgumentPath] = set()
    found: set[ArgumentPath] = set()
    for shape in shapes:
        found |= typed(shape, "decimal")
        whole |= typed(shape, "Long")
    return found - whole


def _time(at_ms: int) -> dict[str, int]:
    unix = at_ms // 1000
    at = datetime.fromtimestamp(unix, UTC)
    return {"unix": unix, "hour": at.hour, "weekday": at.isoweekday()}
