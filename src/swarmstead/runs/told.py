"""What a run was told in secret, and its texts without it. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from swarmstead.telemetry.contract import REDACTED, names_a_secret, redact

Show = Callable[[Any], Any]
_SHORTEST_SECRET = 4


def shown_to_readers(told: Mapping[str, Any]) -> Show:
    """How a text, or a JSON value, of a run is shown: redacted, and without what the run was `told` in secret.

    Agents repeat what they are told, so an input that is named like a secret may stand in any of their texts. What has
    fewer than four characters is no secret, and would take ordinary words apart.
    """
    found = {text for text in _secrets_in(told) if len(text) >= _SHORTEST_SECRET}
    secrets = sorted(found, key=len, reverse=True)  # one may be a part of another
    return (lambda value: _without(redact(value), secrets)) if secrets else redact


def _secrets_in(value: Any, *, hidden: bool = False) -> Iterable[str]:
    """Texts and numbers that lie in a field which is named like a secret."""
    if isinstance(value, Mapping):
        for name, one in cast("Mapping[str, Any]", value).items():
            yield from _secrets_in(one, hidden=hidden or names_a_secret(name))
    elif isinstance(value, list):
        for one in cast("list[Any]", value):
            yield from _secrets_in(one, hidden=hidden)
    elif hidden and isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)


def _without(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, REDACTED)
        return value
    if isinstance(value, dict):
        return {name: _without(one, secrets) for name, one in cast("dict[str, Any]", value).items()}
    return [_without(one, secrets) for one in cast("list[Any]", value)] if isinstance(value, list) else value
