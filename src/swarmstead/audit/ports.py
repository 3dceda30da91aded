"""What the audit room needs from outside: keys to sign checkpoints and to check their signatures."""

from typing import Protocol


class Checker(Protocol):
    """Checks signatures with a public key."""

    @property
    def key_id(self) -> str:
        """Names the key; the first 16 hex digits of the SHA-256 of the public key."""
        ...

    def check(self, message: bytes, signature: str) -> bool:
        """Whether `signature` (base64) is this key's for `message`."""
        ...


class Signer(Checker, Protocol):
    """Signs checkpoints. Adapter: `adapters/ed25519.py`, whose key lies in the data directory."""

    @property
    def public_key(self) -> str:
        """The public key in base64."""
        ...

    def sign(self, message: bytes) -> str:
        """The signature in base64."""
        ...

    def checker_of(self, public_key: str) -> Checker:
        """What checks signatures of another key of the same kind. Fails: ValueError."""
        ...
