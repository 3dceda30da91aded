"""Checkpoint signatures with an Ed25519 key that lies in the data directory, readable by its owner only.

The library is imported when something is signed or checked: a server starts, and seldom does either.
"""

import base64
import os
import secrets
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from swarmstead.audit.errors import KeyUnusable
from swarmstead.kernel.hashing import sha256_hex

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_KEY_BYTES = 32


def _make(path: Path) -> None:
    """Write a new key to `path`, unless somebody else was faster. RFC 8032: 32 octets of good random data."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.") as file:  # mode 0600
        file.write(secrets.token_bytes(_KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(file.name, path)


class Ed25519Checker:
    """Checks signatures with a public key alone: what offline verification needs."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    @classmethod
    def from_text(cls, public_key: str) -> "Ed25519Checker":
        """From the base64 of the 32 raw bytes. Fails: ValueError."""
        found = cls(base64.b64decode(public_key, validate=True))
        found._public  # noqa: B018 - what is no key shows now
        return found

    @property
    def public_key(self) -> str:
        """The 32 raw bytes in base64."""
        return base64.b64encode(self._public_bytes).decode()

    @property
    def key_id(self) -> str:
        """Names the key."""
        return sha256_hex(self._public_bytes)[:16]

    @property
    def _public_bytes(self) -> bytes:
        return self._raw

    @cached_property
    def _public(self) -> "Ed25519PublicKey":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        return Ed25519PublicKey.from_public_bytes(self._public_bytes)

    def check(self, message: bytes, signature: str) -> bool:
        """Whether `signature` (base64) is this key's for `message`."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._public.verify(base64.b64decode(signature, validate=True), message)
        except (InvalidSignature, ValueError):
            return False
        return True


class Ed25519Signer(Ed25519Checker):
    """Signs with a private key, given as its 32 raw bytes."""

    _known = b""

    @classmethod
    def load_or_make(cls, path: Path) -> "Ed25519Signer":
        """The key at `path`; made there, mode 0600, when there is none.

        A crash leaves no half-written key, and of several workers that start together all get the same one.
        Fails: KeyUnusable.
        """
        try:
            if not path.exists():
                _make(path)
        except OSError as error:
            raise _unusable(path, str(error.strerror)) from error
        return cls.load(path)

    @classmethod
    def load(cls, path: Path) -> "Ed25519Signer":
        """The key at `path`. Fails: KeyUnusable."""
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise _unusable(path, str(error.strerror)) from error
        if len(raw) != _KEY_BYTES:
            raise _unusable(path, "it does not hold a key")
        return cls(raw)

    def known_as(self, public_key: str) -> None:
        """Take over this very key's public half, which a child has worked out: the library stays unloaded."""
        self._known = base64.b64decode(public_key)

    @property
    def _public_bytes(self) -> bytes:
        return self._known or self._private.public_key().public_bytes_raw()

    @cached_property
    def _private(self) -> "Ed25519PrivateKey":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self._raw)

    def checker_of(self, public_key: str) -> Ed25519Checker:
        """What checks another host's signatures. Fails: ValueError."""
        return Ed25519Checker.from_text(public_key)

    def sign(self, message: bytes) -> str:
        """The signature in base64."""
        return base64.b64encode(self._private.sign(message)).decode()


def _unusable(path: Path, why: str) -> KeyUnusable:
    return KeyUnusable(
        f"The key that signs audit checkpoints, {path}, cannot be used: {why}.",
        way_out="Bring it back from a backup. Or move it away: a new one is made, and checkpoints signed so "
        "far are then checked with the public key that came with them.",
    )
