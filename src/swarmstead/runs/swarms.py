"""What a declared swarm must and should be: its agents, its task, its inputs and what they are without being given."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.money import micros_from_usd
from swarmstead.resources.contract import Reference
from swarmstead.runs.contract import InputField, SwarmSpec

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]{0,62})\}")
_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "repository": (str,),
    "number": (int, float),
    "boolean": (bool,),
}
_AS_WRITTEN = {
    "text": 'Write text, in quotes where it reads as something else: "7".',
    "repository": "Write the path of a repository.",
    "number": "Write a number, without quotes.",
    "boolean": "Write true or false, without quotes.",
}


def fits(wanted: InputField, value: Any) -> bool:
    """Whether a value is of the type that an input takes."""
    return isinstance(value, _TYPES[wanted.type]) and (wanted.type == "boolean" or not isinstance(value, bool))


def task_text(template: str, values: Mapping[str, Any]) -> str:
    """The task with `{name}` replaced by inputs, one pass, so that an input cannot name another one."""
    parts = template.split("{")
    out = [parts[0]]
    for part in parts[1:]:
        name, brace, rest = part.partition("}")
        out.append(f"{values[name]}{rest}" if brace and name in values else "{" + part)
    return "".join(out)


def swarm_refers(spec: SwarmSpec) -> list[Reference]:
    """Its agents."""
    members = [Reference("members", "Agent", name) for name in spec.members]
    return [Reference("coordinator", "Agent", spec.coordinator), *members]


def check_swarm(spec: SwarmSpec) -> None:
    """What the types of a Swarm cannot say. Fails: BadInput with the field."""
    try:
        micros_from_usd(spec.limits.budget_usd)
    except ValueError as error:
        raise BadInput(str(error), field="limits.budget_usd") from error
    if spec.coordinator in spec.members:
        raise BadInput("the coordinator cannot be one of its own members", field="members")
    repositories = [name for name, wanted in spec.inputs.items() if wanted.type == "repository"]
    if len(repositories) > 1:
        raise BadInput("a swarm takes at most one repository", field=f"inputs.{repositories[1]}")
    for index, name in enumerate(spec.members):
        if name in spec.members[:index]:
            raise BadInput(
                f"the agent {name!r} is a member already.", field=f"members.{index}", way_out="Name each one once."
            )
    for name, wanted in spec.inputs.items():
        if wanted.default is not None and not fits(wanted, wanted.default):
            raise BadInput(
                f"this is not a {wanted.type}, which the input {name!r} takes.",
                field=f"inputs.{name}.default",
                way_out=_AS_WRITTEN[wanted.type],
            )


def swarm_warnings(spec: SwarmSpec) -> Iterator[str]:
    """What a swarm is applied with all the same: braces of its task that are no input may be meant as they stand."""
    known = ", ".join(f"{{{name}}}" for name in sorted(spec.inputs))
    for name in dict.fromkeys(_PLACEHOLDER.findall(spec.task)):
        if name not in spec.inputs:
            inputs = f"its inputs are {known}" if known else "it has none"
            yield f"task: {{{name}}} is no input of this swarm ({inputs}), and stays in the task as it is written."
