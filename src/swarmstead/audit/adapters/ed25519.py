"""Checkpoint signatures with an Ed25519 key that lies in the data directory, readable by its owner only."""

import base64
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from swarmstead.kernel.hashing import sha256_hex

_RAW = serialization.Encoding.Raw


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

    def sign(self, message: bytes) -> str:
        """Fails: TypeError, always; there is no private key here."""
        raise TypeError("a public key cannot sign")

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
        """The key at `path`; made there, mode 0600, when there is none. A crash leaves no half-written key."""
        if not path.exists():
            private = Ed25519PrivateKey.generate()
            raw = private.private_bytes(_RAW, serialization.PrivateFormat.Raw, serialization.NoEncryption())
            temporary = path.with_suffix(f".{os.getpid()}.tmp")
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        return cls(Ed25519PrivateKey.from_private_bytes(path.read_bytes()))

    def sign(self, message: bytes) -> str:
        """The signature in base64."""
        return base64.b64encode(self._private.sign(message)).decode()
