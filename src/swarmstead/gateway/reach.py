"""What can be said of an address in a spec before anything is looked up: checked when the spec is applied."""

from collections.abc import Mapping

from swarmstead.gateway.egress import WAY_OUT, Egress, EgressDenied
from swarmstead.gateway.headers import problem_with
from swarmstead.gateway.targets import BadTarget, parse_target
from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.secrets import is_reference


def check_url(url: str, egress: Egress | None, *, field: str) -> None:
    """Refuse what can never be reached. Without `egress` only its form is looked at: the rules are the server's.

    The address is not quoted: it may hold a credential. Fails: BadInput with the field.
    """
    try:
        target = parse_target(url)
        if egress is not None:
            egress.check(target)
    except BadTarget as error:
        raise BadInput(
            f"The address is not a valid http or https address: {error.problem}.", field=field, way_out=error.way_out
        ) from error
    except EgressDenied as denied:
        raise BadInput(
            f"The address may not be reached: {denied}.", field=field, way_out=WAY_OUT, code="egress_denied"
        ) from denied


def check_headers(headers: Mapping[str, str], *, field: str) -> None:
    """Refuse headers that cannot be sent. Fails: BadInput with the field; a value is never repeated."""
    for name, value in headers.items():
        problem = problem_with(name, "" if is_reference(value) else value)
        if problem:
            raise BadInput(f"{problem[0].upper()}{problem[1:]}.", field=field, way_out="Remove or correct it.")
