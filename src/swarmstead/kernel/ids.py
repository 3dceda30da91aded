"""Identifiers: a kind prefix and 20 characters that sort by time (48 bits of milliseconds, 52 of chance)."""

import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base32: no i, l, o, u


def new_id(prefix: str, now_ms: int) -> str:
    """A new id such as `r_01k9v3…`; ids made later sort later.

    Not a secret: tokens and keys use `secrets.token_urlsafe`.
    """
    value = (now_ms << 52) | secrets.randbits(52)
    return f"{prefix}_{_base32(value, 20)}"


def _base32(value: int, width: int) -> str:
    out: list[str] = []
    for _ in range(width):
        out.append(_ALPHABET[value & 31])
        value >>= 5
    return "".join(reversed(out))
