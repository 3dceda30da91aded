"""What a run was told in secret, and its texts without it. Pure."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from swarmstead.telemetry.contract import REDACTED, names_a_secret, redact

Show = Callable[[Any], Any]
_SHORTEST_SECRET = 4
_SHORTEST_NUMBER = 6


def shown_to_readers(told: Mapping[str, Any]) -> Show:
    """How a text, or a JSON value, of a run is shown: redacted, and without what the run was `told` in secret.

    Agents repeat what they are told, so an input that is named like a secret may stand in any of their texts, as it is
    or as JSON writes it. What has fewer than four characters, or digits fewer than six, is no secret, and would take
    ordinary words apart.
    """
    found = {form for text in _secrets_in(told) for form in _forms(text)}
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
        text = str(value)
        if len(text) >= (_SHORTEST_NUMBER if text.isdecimal() else _SHORTEST_SECRET):
            yield text


def _forms(secret: str) -> Iterable[str]:
    yield secret
    for plain in (True, False):
        yield json.dumps(secret, ensure_ascii=plain)[1:-1]


def _without(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, REDACTED)
        return value
    if isinstance(value, dict):
        return {name: _without(one, secrets) for name, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return REDACTED if str(value) in secrets else value
    return [_without(one, secrets) for one in cast("list[Any]", value)] if isinstance(value, list) else value
