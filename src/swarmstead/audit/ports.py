"""What the audit room needs from outside: a key to sign checkpoints with."""

from typing import Protocol


class Signer(Protocol):
    """Signs and checks checkpoints. Adapter: `adapters/ed25519.py`, whose key lies in the data directory."""

    @property
    def key_id(self) -> str:
        """Names the key; the first 16 hex digits of the SHA-256 of the public key."""
        ...

    def sign(self, message: bytes) -> str:
        """The signature in base64."""
        ...

    def check(self, message: bytes, signature: str) -> bool:
        """Whether `signature` is this key's for `message`."""
        ...
