"""Canonical JSON and its SHA-256: what versions, plans, approvals and the audit chain are named by."""

import hashlib
import json
from io import BufferedReader

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: object) -> bytes:
    """One byte string per JSON value: sorted keys, no spaces, UTF-8, no NaN.

    Follows RFC 8785 for everything but exotic floats (we hash strings, integers, booleans, lists and objects).
    Fails: ValueError for NaN or infinity, TypeError for what JSON cannot hold.
    """
    return _CANONICAL.encode(value).encode()


def sha256_hex(data: bytes) -> str:
    """64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(file: BufferedReader) -> str:
    """The same of what is left to read in a file, a piece at a time."""
    return hashlib.file_digest(file, "sha256").hexdigest()


def in_share(name: str, subject: str, share: float) -> bool:
    """Whether a subject is in this share (0 to 1) of all, the same answer each time.

    Two names have shares of their own; a share that grows keeps whom it had.
    """
    drawn = int.from_bytes(hashlib.sha256(f"{name}\0{subject}".encode(errors="surrogatepass")).digest()[:8], "big")
    return drawn < share * 2.0**64


def digest(value: object) -> str:
    """`sha256:` and the hash of the value's canonical JSON."""
    return f"sha256:{sha256_hex(canonical_json(value))}"
