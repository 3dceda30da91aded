"""Everything that decides about one tenant's calls: its rules per environment, and what was decided before."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from swarmstead.kernel.hashing import digest, in_share, sha256_hex
from swarmstead.permits.contract import (
    Monitored,
    PolicyException,
    PolicyMode,
    PolicyQuestion,
    PolicySpec,
    PolicyVerdict,
    Verdict,
    What,
)
from swarmstead.permits.policies import syntax
from swarmstead.permits.policies.judging import Outcome, RuleSet, Ruling, Subject, Surroundings, subject, uids, ways_to
from swarmstead.permits.policies.reading import Rule, check, package_text

_MOST_ENTRIES = 2_048
_MOST_SETS = 64
_MAX_TEXT = 200  # what an approval keeps
_SENTENCES = {"allow": "permitted by a policy", "ask": "a policy asks for a person", "deny": "forbidden by a policy"}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A policy that can be in force. `digest` names its version."""

    name: str
    digest: str
    spec: PolicySpec
    rules: tuple[Rule, ...]

    @property
    def mode(self) -> PolicyMode:
        """Whether it decides, or only says what it would decide."""
        return self.spec.mode

    def holds_for(self, subject: str) -> bool:
        """Whether it decides about this caller; '' stands for any caller that there may be."""
        share = self.spec.share
        return self.mode == "enforce" and (share >= 1 or not subject or in_share(self.name, subject, share))

    def rulings(self) -> list[Ruling]:
        """Its rules with their ids: the annotation, or the policy's name and a number from 0."""
        return [Ruling(rule.id or f"{self.name}/{n}", self.name, rule) for n, rule in enumerate(self.rules)]

    def forbidding(self) -> "Loaded":
        """The same with its forbids only."""
        forbids = tuple(replace(one.rule, id=one.id) for one in self.rulings() if one.rule.effect == "forbid")
        return replace(self, rules=forbids)


@dataclass(frozen=True, slots=True)
class House:
    """What a tenant has declared that policies may look at."""

    production: Mapping[str, bool] = field(default_factory=dict[str, bool])
    agent_digests: Mapping[str, str] = field(default_factory=dict[str, str])
    agent_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    server_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])

    def around(self, question: PolicyQuestion) -> Surroundings:
        """Labels and environment of one question. An environment that nobody declared counts as production."""
        return Surroundings(
            self.production.get(question.environment, True),
            self.agent_labels.get(question.principal, {}),
            self.server_labels.get(question.server, {}),
        )


def built_in() -> list[Ruling]:
    """The rules that hold everywhere."""
    return [Ruling(rule.id, "", rule) for rule in check(package_text("builtin.cedar"))]


def ends_at(exception: PolicyException) -> int:
    """When an exception ends, in milliseconds. Fails: ValueError when it says no moment."""
    moment = datetime.fromisoformat(exception.until)
    if moment.tzinfo is None:
        raise ValueError("it has no offset from UTC")
    return int(moment.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class _InForce:
    """The rules of one environment: those that decide, and those with the monitored ones; and their version."""

    version: str
    enforced: RuleSet
    watched: RuleSet | None
    exceptions: Mapping[str, tuple[PolicyException, ...]]
    hiding: Mapping[str, tuple[Rule, ...]]
    """The tenant's forbids by the last action that is asked about: nothing else denies a tool that has a class."""


@dataclass(slots=True)
class _Entry:
    """What is kept for one caller, tool and environment; `verdict` only where no rule that may apply can change it."""

    who: Subject
    verdict: PolicyVerdict | None


class TenantPolicies:
    """Decides. Immutable but for what it remembers: a change of policy makes a new one.

    Cost: a remembered verdict about 2 us; another 30 to 150 us. At most 2,048 callers x tools are remembered.
    """

    def __init__(self, tenant: str, house: House, policies: Sequence[Loaded]) -> None:
        self.policies = tuple(policies)
        self._tenant = tenant
        self._house = house
        self._of_production = [
            one.forbidding()
            for one in policies
            if any(house.production.get(name, True) for name in one.spec.environments)
        ]
        self._sets: dict[tuple[tuple[str, int, bool], ...], _InForce] = {}
        self._entries: OrderedDict[tuple[object, ...], _Entry] = OrderedDict()

    def version(self, environment: str) -> str:
        """Names the rules in force in an environment."""
        return self._in_force(environment).version

    @property
    def remembered(self) -> int:
        """How many callers x tools it remembers."""
        return len(self._entries)

    def decide(self, question: PolicyQuestion, now_ms: int) -> PolicyVerdict:
        """The verdict, from memory where it cannot be another one. Never fails."""
        entry = self._entry(question)
        if entry.verdict is not None:
            return entry.verdict
        return self._judged(question, entry.who, now_ms)

    def may_hide(self, what: What, environment: str) -> bool:
        """Whether `hides` can be true for anything of this kind there."""
        return bool(self._in_force(environment).hiding[ways_to(what)[-1]])

    def hides(self, question: PolicyQuestion, now_ms: int) -> bool:
        """Whether this is denied whatever the arguments and the time will be, so that nobody need be shown it.

        Tools without a risk class are left to whoever lists them. Cost: 1 us a rule where none may forbid it.
        """
        way = ways_to(question.what)[-1]
        principal, resource = uids(self._tenant, question)
        rules = self._in_force(question.environment, question.subject).hiding[way]
        if not any(syntax.may_apply(rule.policy, way, principal, resource) for rule in rules):
            return False
        verdict = self.decide(question, now_ms)
        return verdict.effect == "deny" and not verdict.conditional

    def decide_anew(self, question: PolicyQuestion, now_ms: int) -> PolicyVerdict:
        """The verdict, with nothing remembered: what `decide` has to equal."""
        who = subject(self._tenant, self._dated(question), self._house.around(question))
        return self._judged(question, who, now_ms)

    def _entry(self, question: PolicyQuestion) -> _Entry:
        key = (
            question.kind,
            question.principal,
            question.name,
            question.roles,
            question.digest,
            question.swarm,
            question.environment,
            question.server,
            question.tool,
            question.risk,
            question.idempotent,
            question.schema_hash,
            question.what,
        )
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = self._new_entry(question)
            if len(self._entries) > _MOST_ENTRIES:
                self._entries.popitem(last=False)
        else:
            self._entries.move_to_end(key)
        return entry

    def _new_entry(self, question: PolicyQuestion) -> _Entry:
        who = subject(self._tenant, self._dated(question), self._house.around(question))
        rules = self._in_force(question.environment, question.subject)
        changing = (rules.watched or rules.enforced).conditional(who, arguments=False, clock=False)
        if changing or any(_is_about(one, question) for some in rules.exceptions.values() for one in some):
            return _Entry(who, None)
        return _Entry(who, self._judged(question, who, now_ms=0))

    def _judged(self, question: PolicyQuestion, who: Subject, now_ms: int) -> PolicyVerdict:
        rules = self._in_force(question.environment, question.subject)
        now = now_ms if question.at_ms is None else question.at_ms
        outcome, excuse = _excused(
            rules.enforced.judge(who, question.arguments, question.at_ms), rules.exceptions, question, now
        )
        monitored = None
        if rules.watched is not None:
            would, _ = _excused(
                rules.watched.judge(who, question.arguments, question.at_ms), rules.exceptions, question, now
            )
            monitored = Monitored(would.effect, _ids(would.rulings))
        return PolicyVerdict(
            outcome.effect,
            _ids(outcome.rulings),
            _text(outcome.effect, outcome.rulings, excuse),
            rules.version,
            monitored,
            _ids(outcome.conditional),
        )

    def _dated(self, question: PolicyQuestion) -> PolicyQuestion:
        """The question with the agent version that is declared now, where it names none."""
        known = self._house.agent_digests.get(question.principal, "") if question.kind == "agent" else ""
        return question if question.digest or not known else replace(question, digest=known)

    def _in_force(self, environment: str, subject: str = "") -> _InForce:
        """The rules of an environment.

        Who names none, or one that nobody declared, is held to all that production forbids: to leave the name out must
        not be a way round it.
        """
        here = [one for one in self.policies if not one.spec.environments or environment in one.spec.environments]
        if environment not in self._house.production:
            here += [one for one in self._of_production if environment not in one.spec.environments]
        names = tuple((one.name, len(one.rules), one.holds_for(subject)) for one in here)
        found = self._sets.get(names)
        if found is None:
            if len(self._sets) >= _MOST_SETS:  # each policy with a share of its own may double them
                self._sets.clear()
            found = self._sets[names] = _combined(here, subject)
        return found


def _combined(policies: Sequence[Loaded], subject: str) -> _InForce:
    enforced = [ruling for one in policies if one.holds_for(subject) for ruling in one.rulings()]
    watched = [ruling for one in policies if not one.holds_for(subject) for ruling in one.rulings()]
    content = [[one.name, one.digest, len(one.rules)] for one in policies]
    forbids = [ruling.rule for ruling in enforced if ruling.rule.effect == "forbid"]
    return _InForce(
        digest([sha256_hex(package_text("builtin.cedar").encode()), *sorted(content)]),
        RuleSet([*built_in(), *enforced]),
        RuleSet([*built_in(), *enforced, *watched]) if watched else None,
        {one.name: one.spec.exceptions for one in policies if one.spec.exceptions},
        {way: tuple(rule for rule in forbids if syntax.is_about(rule.policy, way)) for way in ("plan", "read")},
    )


def _excused(
    outcome: Outcome, exceptions: Mapping[str, Sequence[PolicyException]], question: PolicyQuestion, now_ms: int
) -> tuple[Outcome, PolicyException | None]:
    """A denial becomes a question to a person where each policy that denies has an exception for it.

    The built-in rules have none, so what they deny stays denied.
    """
    if outcome.effect != "deny" or not outcome.rulings:
        return outcome, None
    found: PolicyException | None = None
    for ruling in outcome.rulings:
        mine = (one for one in exceptions.get(ruling.policy, ()) if _is_about(one, question) and ends_at(one) > now_ms)
        found = next(mine, None)
        if found is None:
            return outcome, None
    return replace(outcome, effect="ask"), found


def _is_about(exception: PolicyException, question: PolicyQuestion) -> bool:
    mine = exception.principal == question.subject and question.what == "tool"
    return mine and exception.tool in (f"{question.server}/{question.tool}", f"{question.server}/*")


def _ids(rulings: Iterable[Ruling]) -> tuple[str, ...]:
    return tuple(ruling.id for ruling in rulings)


def _text(effect: Verdict, rulings: Sequence[Ruling], excuse: PolicyException | None) -> str:
    """The first rule's sentence and its id, in at most 200 characters."""
    if not rulings:
        return "no policy permits it"
    name = f" ({rulings[0].id})"
    sentence = rulings[0].rule.reason or _SENTENCES[effect]
    if excuse is not None:
        sentence = f"excepted until {excuse.until}: {excuse.reason}"
    return sentence[: _MAX_TEXT - len(name)] + name
