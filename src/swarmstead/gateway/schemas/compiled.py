"""A tool's contract as it is enforced: two validators, made once per definition, and the bounds that hold beside them.

Nothing is ever fetched: a `$ref` that leads out of the schema makes the tool unusable, and the validator is built
offline besides. Patterns run on an engine that takes time linear in the text. One that needs look-around or
back-references runs on one that backtracks, up to a limit at each place of the text: there texts must be short.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from swarmstead.gateway.contract import Tool
from swarmstead.gateway.schemas.advice import declared, free_form, unbounded
from swarmstead.gateway.schemas.bounds import Bounds, fault_of
from swarmstead.gateway.schemas.cost import cost_of
from swarmstead.gateway.schemas.limits import ContractLimits
from swarmstead.gateway.schemas.shape import SchemaRefused, Shape
from swarmstead.telemetry.contract import redact_text

if TYPE_CHECKING:
    from jsonschema_rs import Validator

_PATTERN_BYTES = 262_144
_BACKTRACKS = 10_000
_SLOW_CHARACTERS = 4_096
_SLOW_BYTES = 65_536
_WORDS = 300


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a value breaks the contract ('' for as a whole), and how; redacted."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Checker:
    """One schema with its bounds."""

    validator: "Validator"
    bounds: Bounds

    def fault(self, value: dict[str, Any]) -> Fault | None:
        """The first fault of a value. Cost: under 2 us for a small one that has none."""
        found = fault_of(value, self.bounds)
        if found is not None:
            return Fault(found[0], found[1])
        try:
            if self.validator.is_valid(value):  # a hundredth of what naming faults costs
                return None
            for error in self.validator.iter_errors(value):
                path = ".".join(str(part) for part in error.instance_path)
                return Fault(redact_text(path), redact_text(error.message[:_WORDS]))
        except ValueError:  # half a surrogate: text that no JSON can carry
            return Fault("", "it holds text that is not valid Unicode")
        return None


@dataclass(frozen=True, slots=True)
class Contract:
    """What a tool may be called with and may answer. `problem` says why it cannot be used at all, '' if it can."""

    arguments: Checker | None
    result: Checker | None
    result_bounds: Bounds
    problem: str = ""
    warnings: tuple[str, ...] = ()


def contract_of(tool: Tool, limits: ContractLimits, problem: str = "") -> Contract:
    """Compile a tool's schemas. What is wrong with them is told in `problem`, never raised.

    Cost: 0.1 ms for a small schema, tens of milliseconds for one of hundreds of kilobytes: not for an event loop.
    """
    bounds = _result_bounds(limits)
    if problem:
        return Contract(None, None, bounds, problem)
    try:
        arguments, warnings = _arguments(tool, limits)
    except SchemaRefused as refused:
        return Contract(None, None, bounds, f"The schema of its arguments cannot be used: {refused}.")
    try:
        result = None if tool.output_schema is None else _result(tool.output_schema, limits)
    except SchemaRefused as refused:
        return Contract(None, None, bounds, f"The schema of its result cannot be used: {refused}.")
    return Contract(arguments, result, bounds, "", warnings)


def _arguments(tool: Tool, limits: ContractLimits) -> tuple[Checker, tuple[str, ...]]:
    shape = Shape(tool.input_schema)
    cost = cost_of(shape, limits)
    characters, items = declared(shape)
    validator, slow = compiled(tool.input_schema)
    bounds = Bounds(
        characters=_SLOW_CHARACTERS if slow else max(limits.characters, characters),
        items=max(limits.items, items),
        depth=cost.depth,
        size=min(_SLOW_BYTES, limits.argument_bytes) if slow else limits.argument_bytes,
        values=limits.evaluations // cost.per_value,
    )
    return Checker(validator, bounds), _warnings(tool, shape, limits, slow=slow)


def _warnings(tool: Tool, shape: Shape, limits: ContractLimits, *, slow: bool) -> tuple[str, ...]:
    found = unbounded(shape, limits)
    if slow:
        found = (
            *found,
            f"A pattern needs look-around or back-references: a text has {_SLOW_CHARACTERS:,} characters at most.",
        )
    free = free_form(tool.input_schema) if tool.risk != "read" else ""
    if free:
        text = (
            f"The free text {free!r} lets it do anything: it counts as danger unless spec.risk.{tool.name} says else."
        )
        found = (text, *found)
    return found


def _result(schema: Mapping[str, Any], limits: ContractLimits) -> Checker:
    cost = cost_of(Shape(schema), limits)
    whole = _result_bounds(limits)
    validator, slow = compiled(schema)
    characters = _SLOW_CHARACTERS if slow else whole.characters
    size = _SLOW_BYTES if slow else whole.size
    return Checker(validator, Bounds(characters, whole.items, cost.depth, size, limits.evaluations // cost.per_value))


def _result_bounds(limits: ContractLimits) -> Bounds:
    most = limits.result_bytes
    return Bounds(characters=most, items=most, depth=limits.result_depth, size=most, values=most)


def compiled(schema: Mapping[str, Any]) -> "tuple[Validator, bool]":
    """A validator that fetches nothing, and whether one of its patterns may backtrack. Fails: SchemaRefused."""
    import jsonschema_rs as rs  # with the first schema, not at start

    linear = rs.RegexOptions(size_limit=_PATTERN_BYTES, dfa_size_limit=_PATTERN_BYTES)
    gives_up = rs.FancyRegexOptions(
        backtrack_limit=_BACKTRACKS, size_limit=_PATTERN_BYTES, dfa_size_limit=_PATTERN_BYTES
    )
    try:
        return rs.validator_for(dict(schema), offline=True, pattern_options=linear), False
    except (rs.ValidationError, ValueError):
        pass  # a fault of the schema, or a pattern that needs the other engine
    try:
        return rs.validator_for(dict(schema), offline=True, pattern_options=gives_up), True
    except (rs.ValidationError, ValueError) as error:
        text = error.message if isinstance(error, rs.ValidationError) else str(error)
        raise SchemaRefused(redact_text(text[:_WORDS])) from error
