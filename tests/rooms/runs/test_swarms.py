"""What a declared swarm must be is said when it is applied, by field; what it may mean is a warning."""

from typing import Any

import pytest

from swarmstead.runs.swarms import swarm_warnings
from tests.rooms.resources.helpers import faults, manifest, one

SPEC: dict[str, Any] = {"pattern": "delegate", "coordinator": "boss", "members": ["ann"], "task": "Look."}


def swarm(**more: Any) -> str:
    """A sound swarm with these fields of its spec."""
    return manifest("Swarm", "team", SPEC | more)


@pytest.mark.parametrize(
    ("more", "field", "words"),
    [
        (
            {"members": ["ann", "bob", "ann"]},
            "spec.members.2",
            "the agent 'ann' is a member already. Name each one once.",
        ),
        (
            {"inputs": {"n": {"type": "number", "default": "abc"}}},
            "spec.inputs.n.default",
            "this is not a number, which the input 'n' takes. Write a number, without quotes.",
        ),
        ({"inputs": {"n": {"type": "number", "default": True}}}, "spec.inputs.n.default", "this is not a number"),
        ({"inputs": {"b": {"type": "boolean", "default": 7}}}, "spec.inputs.b.default", "Write true or false"),
        ({"inputs": {"t": {"type": "text", "default": 7}}}, "spec.inputs.t.default", "in quotes"),
        ({"inputs": {"r": {"type": "repository", "default": False}}}, "spec.inputs.r.default", "path of a repository"),
    ],
)
def test_what_cannot_be_meant_is_refused(more: dict[str, Any], field: str, words: str) -> None:
    ((_, _, named, message),) = faults(swarm(**more))
    assert named == field
    assert words in message


@pytest.mark.parametrize(
    "wanted",
    [
        {"type": "number", "default": 7},
        {"type": "boolean", "default": False},
        {"type": "text", "default": "7"},
        {"type": "text", "default": ""},
        {"type": "text"},
    ],
)
def test_a_default_of_its_type_is_taken(wanted: dict[str, Any]) -> None:
    assert one(swarm(inputs={"x": wanted})).spec.inputs["x"].default == wanted.get("default")


def test_a_placeholder_that_is_no_input_may_be_meant_as_it_stands() -> None:
    """A task may tell an agent of `/pods/{id}`, and there is no other way to write that."""
    task = 'Look at {svc}, GET /pods/{id} and {id}. Send {"limit": 20} or {} or { not }.'
    spec = one(swarm(task=task, inputs={"svc": {"type": "text"}})).spec
    assert list(swarm_warnings(spec)) == [
        "task: {id} is no input of this swarm (its inputs are {svc}), and stays in the task as it is written."
    ]
    (said,) = swarm_warnings(one(swarm(task="Look at {svc}.")).spec)
    assert "it has none" in said
