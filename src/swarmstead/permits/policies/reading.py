"""The text of a policy to rules, with the line of every fault.

Cedar's parser says what is wrong but not where, so the place is found by asking it again about shorter texts. It also
recurses on the stack of the process, and a text that is nested deeply enough ends the process: such texts are refused
before it sees them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from swarmstead.permits.policies import engine
from swarmstead.permits.policies.syntax import Reads, reads
from swarmstead.permits.policies.types import Shape, argument_shape, quoted

_MOST_RULES = 500
_MOST_TOKENS = 4_000
_MOST_OPERATORS = 256
_DEEPEST = 32
_TOKEN = re.compile(r'//[^\n]*|"(?:[^"\\]|\\[\s\S])*"?|\w+|::|==|!=|<=|>=|&&|\|\||\S')
_OPERATORS = frozenset({"&&", "||", "+", "-", "*", ".", "!"})
_EARLY_END = "unexpected end of input"
_POLICY_ID = re.compile(r"`?policy(\d+)`?")
_OTHER_KINDS = re.compile("`(?:Resource|Prompt)`")  # what is wrong for tools is wrong for these, and told once
_NAMED = re.compile(r'`([^`]+)`|(\w+::"[^"]*")')
_DOCS = "See docs/rooms/permits.md."
_WAYS_OUT = {
    "unrecognized entity type": "Known are Agent, User, Tool, Resource, Prompt, Server and Tenant.",
    "unrecognized action": 'For tools Action::"call" and Action::"plan", for resources and prompts Action::"read".',
    "on entity type `Agent` not found": "An Agent has name, digest and swarm; for roles, `principal is User && …`.",
    "on entity type `User` not found": "A User has name and roles.",
    "on entity type `Tool` not found": "A Tool has server, name, risk and idempotent.",
    "on entity type `Resource` not found": "A Resource has server, name (its address), risk and idempotent.",
    "on entity type `Prompt` not found": "A Prompt has server, name, risk and idempotent.",
    "access to tag": 'Ask first whether it is there: `resource.hasTag("team") && …`.',
    "access to optional attribute": "Ask first whether it is there: `context.arguments has NAME && …`.",
    "in context": "The context has arguments, environment (name, production), time (unix, hour, weekday) and labels.",
    "applicable action": "Agents and Users call and plan a Tool, and read a Resource or Prompt; those are in a Server.",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, on which line of the text (from 1), and what to do about it."""

    line: int
    problem: str
    way_out: str = _DOCS


class Unreadable(Exception):
    """The text is no policy."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(faults[0].problem)
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as Cedar reads it. `id` is its annotation, '' without one; `reason` the sentence for people."""

    id: str
    effect: Literal["permit", "forbid"]
    line: int
    reason: str
    policy: Mapping[str, Any]
    reads: Reads
    shape: Shape


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    start: int
    line: int


def read(text: str) -> tuple[Rule, ...]:
    """The rules of a policy's text, syntax only. Fails: Unreadable. Cost: about 0.1 ms a rule."""
    statements = _statements(text)
    _refuse_deep(statements)
    try:
        found = engine.to_json(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable([_syntax_fault(text, statements, str(error))]) from error
    if found["templates"]:
        number = min(int(name.removeprefix("policy")) for name in found["templates"])
        raise Unreadable([Fault(_line(statements, number), "templates (?principal, ?resource) are not taken")])
    if not found["staticPolicies"]:
        raise Unreadable([Fault(1, "there is no rule in it", "Write a permit or a forbid, or remove the Policy.")])
    rules = [
        _rule(policy, _line(statements, int(name.removeprefix("policy"))))
        for name, policy in found["staticPolicies"].items()
    ]
    rules.sort(key=lambda rule: rule.line)
    _refuse_doubles(rules)
    return tuple(rules)


@lru_cache(256)
def check(text: str) -> tuple[Rule, ...]:
    """As `read`, and every name and type is one that the schema knows. Fails: Unreadable.

    Cost: about 0.2 ms a rule. The last 256 texts are remembered, so that a change of one policy does not check all.
    """
    rules = read(text)
    statements = _statements(text)
    faults: dict[Fault, str] = {}
    for name, problem in engine.validate(text, _schema_for(rules)):
        named = _POLICY_ID.search(name or problem)
        fault = _type_fault(statements, int(named.group(1)) if named else 0, problem)
        faults[fault] = _OTHER_KINDS.sub("`Tool`", fault.problem)
    if faults:
        told = {fault.problem for fault in faults}
        first = [one for one, as_tool in faults.items() if one.problem == as_tool or as_tool not in told]
        worse = [fault for fault in first if "applicable action" not in fault.problem]  # follows from the others
        raise Unreadable(worse or first)
    return rules


def package_text(name: str) -> str:
    """A file of the package's `cedar` folder."""
    return (files("swarmstead.permits") / "cedar" / name).read_text(encoding="utf-8")


def _schema_for(rules: Sequence[Rule]) -> str:
    arguments, labels = Shape(), sorted({label for rule in rules for label in rule.reads.labels})
    for rule in rules:
        _merge(arguments, rule.shape)
    members = ", ".join(f"{quoted(label)}?: String" for label in labels)
    types = f"type Arguments = {arguments.cedar() if arguments.members else '{}'};\ntype Labels = {{ {members} }};\n"
    return package_text("schema.cedarschema") + types


def _merge(into: Shape, other: Shape) -> None:
    into.type = into.type or other.type
    for name, one in other.members.items():
        _merge(into.at((name,)), one)


def _rule(policy: Mapping[str, Any], line: int) -> Rule:
    notes = policy.get("annotations", {})
    return Rule(
        notes.get("id") or "",
        policy["effect"],
        line,
        (notes.get("reason") or "")[:150],
        policy,
        reads(policy),
        argument_shape(policy),
    )


def _refuse_doubles(rules: Sequence[Rule]) -> None:
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            raise Unreadable([Fault(rule.line, f"two rules have the id {rule.id!r}", "Give each its own @id.")])
        if len(rule.id) > 100:  # noqa: PLR2004 - it stands in every audit row
            raise Unreadable([Fault(rule.line, "an @id of more than 100 characters", "Shorten it.")])
        seen |= {rule.id} - {""}


def _statements(text: str) -> list[list[_Token]]:
    """The tokens of each rule, comments left out."""
    found: list[list[_Token]] = [[]]
    line, at = 1, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        if match.group().startswith("//"):
            continue
        found[-1].append(_Token(match.group(), match.start(), line))
        if match.group() == ";":
            found.append([])
    return [tokens for tokens in found if tokens]


def _refuse_deep(statements: Sequence[Sequence[_Token]]) -> None:
    if len(statements) > _MOST_RULES:
        raise Unreadable([Fault(statements[_MOST_RULES][0].line, f"more than {_MOST_RULES} rules", "Split it.")])
    for tokens in statements:
        depth = 0
        for token in tokens:
            depth += token.text in ("(", "[", "{", "if")
            depth -= token.text in (")", "]", "}")
            if depth > _DEEPEST:
                raise Unreadable([Fault(token.line, f"nested deeper than {_DEEPEST} levels", "Write it flatter.")])
        operators = sum(token.text in _OPERATORS for token in tokens)
        if len(tokens) > _MOST_TOKENS or operators > _MOST_OPERATORS:
            raise Unreadable([Fault(tokens[0].line, "a rule that is too long", "Split it into several rules.")])


def _line(statements: Sequence[Sequence[_Token]], number: int) -> int:
    return statements[number][0].line if number < len(statements) else 1


def _syntax_fault(text: str, statements: Sequence[Sequence[_Token]], problem: str) -> Fault:
    """Where Cedar's parser stumbles: in the first rule that it does not take, at the first token too many."""
    for tokens in statements:
        start, end = tokens[0].start, tokens[-1].start + len(tokens[-1].text)
        whole = _complaint(text[start:end])
        if whole:
            return Fault(_stumble(text, tokens), f"not Cedar: {whole}", _way_out(whole))
    return Fault(1, f"not Cedar: {problem}")


def _stumble(text: str, tokens: Sequence[_Token]) -> int:
    low, high = 0, len(tokens) - 1  # the shortest beginning that cannot be continued ends at the token that is wrong
    while low < high:
        middle = (low + high) // 2
        complaint = _complaint(text[tokens[0].start : tokens[middle].start + len(tokens[middle].text)])
        if complaint and complaint != _EARLY_END:
            high = middle
        else:
            low = middle + 1
    return tokens[low].line


def _complaint(text: str) -> str:
    try:
        engine.to_json(text)
    except (ValueError, RecursionError) as error:
        return str(error)
    return ""


def _type_fault(statements: Sequence[Sequence[_Token]], number: int, problem: str) -> Fault:
    problem = _POLICY_ID.sub("", problem).replace("for policy , ", "")
    problem = re.sub(r' in context for Action::"\w+"', " in context", problem)
    tokens: Sequence[_Token] = statements[number] if number < len(statements) else ()
    names = [part for pair in _NAMED.findall(problem) for part in re.findall(r'\w+|"[^"]*"', "".join(pair))]
    for name in reversed(names):
        for token in tokens:
            if token.text == name:
                return Fault(token.line, problem, _way_out(problem))
    return Fault(tokens[0].line if tokens else 1, problem, _way_out(problem))


def _way_out(problem: str) -> str:
    return next((way_out for words, way_out in _WAYS_OUT.items() if words in problem), _DOCS)
