"""What can be said of an address in a spec before anything is looked up: checked when the spec is applied."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from swarmstead.gateway.egress import WAY_OUT, Egress, EgressDenied
from swarmstead.gateway.headers import problem_with
from swarmstead.gateway.targets import BadTarget, parse_target
from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.secrets import is_reference
from swarmstead.telemetry.contract import names_a_secret, redact_text

HIDDEN = "[hidden]"
"""What stands where a value is not shown."""
_PLACE = re.compile(r"(?i)[_.-](file|path|dir)$")  # where a secret lies is none
_CREDENTIAL = re.compile(r"(?i)(bearer|basic|digest|negotiate)\s+\S")
_WHOLE = "What it leads to is the whole value, `Bearer …` included."


def check_url(url: str, egress: Egress | None, *, field: str) -> None:
    """Refuse what can never be reached. Without `egress` only its form is looked at: the rules are the server's.

    The address is not quoted: it may hold a credential. Fails: BadInput with the field.
    """
    try:
        target = parse_target(url)
        if egress is not None:
            egress.check(target)
        _check_query(target.path, field=field)
    except BadTarget as error:
        raise BadInput(
            f"The address is not a valid http or https address: {error.problem}.", field=field, way_out=error.way_out
        ) from error
    except EgressDenied as denied:
        raise BadInput(
            f"The address may not be reached: {denied}.", field=field, way_out=WAY_OUT, code="egress_denied"
        ) from denied


def _check_query(path: str, *, field: str) -> None:
    for part in path.partition("?")[2].split("&"):
        name, _, value = part.partition("=")
        if value and names_a_secret(name):
            raise BadInput(
                f"The address has a secret in it: {name[:100]!r}.",
                field=field,
                way_out="Send it as a header that is a reference: `headers: {Authorization: env:NAME}`.",
            )


def check_headers(headers: Mapping[str, str], *, field: str) -> None:
    """Refuse headers that cannot be sent, and secrets that are no references.

    Fails: BadInput with the field; a value is never repeated.
    """
    for name, value in headers.items():
        problem = problem_with(name, "" if is_reference(value) else value)
        if problem:
            raise BadInput(f"{problem[0].upper()}{problem[1:]}.", field=field, way_out="Remove or correct it.")
    check_values(headers, field=field)


def check_values(values: Mapping[str, str], *, field: str) -> None:
    """Refuse pasted secrets: a declaration is stored and shown. Fails: BadInput; a value is never repeated."""
    for name, value in values.items():
        if value == HIDDEN:
            raise BadInput(
                f"The value of {name!r} is what stands in for one that is not shown.",
                field=f"{field}.{name}",
                way_out="Write the value itself, or a reference to it: `env:NAME` or `file:/absolute/path`.",
            )
        secret = names_a_secret(name) and not _PLACE.search(name)
        if not is_reference(value) and ((secret and value) or _CREDENTIAL.match(value) or redact_text(value) != value):
            raise BadInput(
                f"The value of {name!r} looks like a secret, and declarations are stored and shown.",
                field=f"{field}.{name}",
                way_out=f"Write a reference to it: `env:NAME` or `file:/absolute/path`. {_WHOLE}",
            )


def check_command(command: Sequence[str], *, field: str) -> None:
    """Refuse secrets among a program's arguments, which anybody on the machine can read besides. Fails: BadInput."""
    for before, part in zip(("", *command), command, strict=False):
        name, mark, value = part.partition("=")
        named = value if mark else part if before.startswith("-") and "=" not in before else ""
        option = (name if mark else before).lstrip("-")
        secret = bool(named) and names_a_secret(option) and not _PLACE.search(option) and not named.startswith("-")
        if secret or redact_text(part) != part:
            raise BadInput(
                "One of the program's arguments looks like a secret.",
                field=field,
                way_out="Give it to the program as a variable: `env: {NAME: env:NAME}`.",
            )


def hidden(content: Mapping[str, Any]) -> dict[str, Any]:
    """A ToolServer's spec as it is shown: the values of headers and variables that are no references are left out."""
    shown = dict(content)
    for part in ("headers", "env"):
        values: Any = content.get(part)
        if isinstance(values, Mapping):
            found = cast("Mapping[str, str]", values)
            shown[part] = {name: value if is_reference(value) else HIDDEN for name, value in found.items()}
    return shown
