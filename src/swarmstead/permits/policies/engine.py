"""Cedar, by way of `cedarpy`: the one place that knows it. Imported on first use, which takes 40 ms and 10 MB."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cedarpy import Entities, PolicySet


@dataclass(frozen=True, slots=True)
class Answer:
    """What Cedar says about one action. `reasons` are the rules that decided, by the names they were given."""

    evaluated: bool
    allowed: bool
    reasons: tuple[str, ...]
    errors: tuple[str, ...]


def to_json(text: str) -> Mapping[str, Any]:
    """Policies as Cedar's JSON. Fails: ValueError with the parser's complaint, RecursionError."""
    from cedarpy import policies_to_json_str

    return json.loads(policies_to_json_str(text))


def validate(text: str, schema: str) -> list[tuple[str, str]]:
    """What the schema does not allow: (the number of the rule as `policyN`, the complaint)."""
    from cedarpy import (
        Schema,
        validate_policies,  # pyright: ignore[reportUnknownVariableType] - its schema may be a bare dict
    )

    return [(one.policy_id, one.error) for one in validate_policies(text, Schema.from_str(schema)).errors]


def parse(policies: Mapping[str, Mapping[str, Any]]) -> "PolicySet":
    """Policies in Cedar's JSON, by name, parsed once for all calls."""
    from cedarpy import PolicySet

    return PolicySet.from_json_str(json.dumps({"templates": {}, "staticPolicies": policies, "templateLinks": []}))


def parse_entities(entities: Sequence[Mapping[str, Any]]) -> "Entities":
    """Entities in Cedar's JSON, parsed once for all calls that are about them."""
    from cedarpy import Entities

    return Entities.from_json_str(json.dumps(entities))  # pyright: ignore[reportUnknownMemberType] - as above


def ask(policies: "PolicySet", entities: "Entities", request: dict[str, Any]) -> Answer:
    """One question. Never fails: what Cedar cannot take is an answer with `evaluated` false."""
    from cedarpy import (
        Decision,
        is_authorized,  # pyright: ignore[reportUnknownVariableType] - as above
    )

    found = is_authorized(request, policies, entities)
    decision, said = found.decision, found.diagnostics
    evaluated = decision is not Decision.NoDecision
    return Answer(evaluated, decision is Decision.Allow, tuple(said.reasons), tuple(said.errors))
