"""What `stead run start` and `stead run preview` are told, as the API takes it."""

import math
from pathlib import Path
from typing import Any

from swarmstead.doors.cli.client import Client, part
from swarmstead.doors.cli.options import pairs
from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.money import micros_from_usd

_YES, _NO = {"true", "yes", "1"}, {"false", "no", "0"}


def wish(
    client: Client, swarm: str, inputs: tuple[str, ...], models: tuple[str, ...], budget: str, environment: str
) -> dict[str, Any]:
    """The body of a preview or launch. Inputs become the types that the swarm declares. Fails: BadInput, Refused."""
    declared = client.get(f"/api/v1/resources/Swarm/{part(swarm)}")["spec"].get("inputs", {})
    given = pairs(inputs, "--input", "NAME=VALUE")
    types = {name: str(field["type"]) for name, field in declared.items()}
    for name in given.keys() - types.keys():
        known = ", ".join(types) or "none"
        way_out = f"`stead get swarm {swarm}` shows them."
        raise BadInput(f"{swarm} has no input {name!r}; it has {known}.", field=f"input.{name}", way_out=way_out)
    values = {name: _value(client, name, text, types[name]) for name, text in given.items()}
    overrides: dict[str, Any] = {"models": pairs(models, "--override-model", "AGENT=MODEL")}
    if budget:
        overrides["budget_usd"] = _checked_budget(budget)
    return {"swarm": swarm, "input": values, "overrides": overrides, "environment": environment}


def _value(client: Client, name: str, text: str, type_: str) -> str | int | float | bool:
    if type_ == "repository" and not text.strip():  # an unset variable of a script, and never "the one I stand in"
        way_out = f"Give the path of a git repository: --input {name}=PATH; `.` is where you stand."
        raise BadInput(f"--input {name} is empty.", field=f"input.{name}", way_out=way_out)
    if type_ == "repository" and client.is_here:
        return str(Path(text).expanduser().absolute())  # the server stands in another folder than the caller
    if type_ == "number":
        return _number(name, text)
    if type_ == "boolean":
        return _boolean(name, text)
    return text


def _number(name: str, text: str) -> int | float:
    for number in (int, float):
        try:
            value = number(text)
        except ValueError:
            continue
        if math.isfinite(value):
            return value
    raise BadInput(
        f"The input {name!r} must be a number, not {text!r}.", field=f"input.{name}", way_out="Write digits: 10 or 2.5."
    )


def _boolean(name: str, text: str) -> bool:
    if text.lower() in _YES | _NO:
        return text.lower() in _YES
    raise BadInput(
        f"The input {name!r} must be yes or no, not {text!r}.", field=f"input.{name}", way_out="Write true or false."
    )


def _checked_budget(text: str) -> str:
    try:
        micros_from_usd(text)
    except ValueError as error:
        raise BadInput(
            f"--budget: {error}.", field="--budget", way_out="Write US dollars as a decimal: 0.25."
        ) from error
    return text
