"""Checkpoint signatures with an Ed25519 key that lies in the data directory, readable by its owner only."""

import base64
import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from swarmstead.audit.errors import KeyUnusable
from swarmstead.kernel.hashing import sha256_hex

_RAW = serialization.Encoding.Raw


def _make(path: Path) -> None:
    """Write a new key to `path`, unless somebody else was faster."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = Ed25519PrivateKey.generate()
    with NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.") as file:  # mode 0600
        file.write(private.private_bytes(_RAW, serialization.PrivateFormat.Raw, serialization.NoEncryption()))
        file.flush()
        os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(file.name, path)


class Ed25519Checker:
    """Checks signatures with a public key alone: what offline verification needs."""

    def __init__(self, public: Ed25519PublicKey) -> None:
        self._public = public
        raw = public.public_bytes(_RAW, serialization.PublicFormat.Raw)
        self.public_key = base64.b64encode(raw).decode()
        self.key_id = sha256_hex(raw)[:16]

    @classmethod
    def from_text(cls, public_key: str) -> "Ed25519Checker":
        """From the base64 of the 32 raw bytes. Fails: ValueError."""
        return cls(Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True)))

    def check(self, message: bytes, signature: str) -> bool:
        """Whether `signature` (base64) is this key's for `message`."""
        try:
            self._public.verify(base64.b64decode(signature, validate=True), message)
        except (InvalidSignature, ValueError):
            return False
        return True


class Ed25519Signer(Ed25519Checker):
    """Signs with a private key."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        super().__init__(private.public_key())
        self._private = private

    @classmethod
    def load_or_make(cls, path: Path) -> "Ed25519Signer":
        """The key at `path`; made there, mode 0600, when there is none.

        A crash leaves no half-written key, and of several workers that start together all get the same one.
        Fails: KeyUnusable.
        """
        try:
            if not path.exists():
                _make(path)
            return cls(Ed25519PrivateKey.from_private_bytes(path.read_bytes()))
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it does not hold a key"
            raise KeyUnusable(
                f"The key that signs audit checkpoints, {path}, cannot be used: {why}.",
                way_out="Bring it back from a backup. Or move it away: a new one is made, and checkpoints signed so "
                "far are then checked with the public key that came with them.",
            ) from error

    def checker_of(self, public_key: str) -> Ed25519Checker:
        """What checks another host's signatures. Fails: ValueError."""
        return Ed25519Checker.from_text(public_key)

    def sign(self, message: bytes) -> str:
        """The signature in base64."""
        return base64.b64encode(self._private.sign(message)).decode()
