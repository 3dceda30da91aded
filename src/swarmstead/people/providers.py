"""The operator's file of identity providers: read at start, and again when it changes; the last good one stays."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from swarmstead.kernel.errors import BadInput, SteadError
from swarmstead.people.contract import IdentityProviderSpec
from swarmstead.people.model import is_safe_address

log = logging.getLogger(__name__)
Providers = Mapping[str, IdentityProviderSpec]
Parse = Callable[[str, str], Providers]
_MOST_BYTES = 1_048_576


def check_provider(spec: IdentityProviderSpec) -> None:
    """What types cannot say of an IdentityProvider. Fails: BadInput, naming the field."""
    if not is_safe_address(spec.issuer):
        raise BadInput(
            "must be https://, or http:// on a loopback address, without query and fragment",
            field="issuer",
        )
    if bool(spec.tenant) == bool(spec.tenant_claim):
        raise BadInput("needs either a tenant, or a tenant_claim with tenants", field="tenant")
    if bool(spec.tenant_claim) != bool(spec.tenants):
        raise BadInput("goes together with tenant_claim: which values stand for which tenants", field="tenants")


class ProviderFile:
    """Reads the file with `parse(text, its name)`, which names the line of every fault."""

    def __init__(self, path: Path, parse: Parse) -> None:
        self._path = path
        self._parse = parse
        self._read: tuple[int, int] | None = None

    def load(self) -> Providers:
        """What it declares now. Fails: BadInput, with file and line."""
        self._read = self._state()
        try:
            with self._path.open("rb") as file:
                text = file.read(_MOST_BYTES + 1).decode()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise BadInput(
                f"The file of identity providers {self._path} cannot be read: {why}.",
                field="STEAD_IDENTITY_PROVIDERS",
                way_out="Name a file that the server's user can read.",
            ) from error
        found = self._parse(text, str(self._path))
        if problem := _same_tokens(found):
            raise BadInput(
                f"{self._path}: {problem}.",
                field="STEAD_IDENTITY_PROVIDERS",
                way_out="Give each its own audience, or make one of the two.",
            )
        return found

    def changed(self) -> Providers | None:
        """What it declares, if it was changed since and is good; a bad one is logged once, and nothing changes."""
        if self._state() == self._read:
            return None
        try:
            found = self.load()
        except SteadError as error:
            log.error("the identity providers stay as they were: %s", error.message)  # noqa: TRY400 - no traceback
            return None
        log.info("the identity providers were read again: %s", ", ".join(sorted(found)) or "none")
        return found

    def _state(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size


def _same_tokens(providers: Providers) -> str:
    """What is wrong with providers together, '' for nothing: every token must come to one of them."""
    seen: dict[tuple[str, str], str] = {}
    for name, spec in providers.items():
        other = seen.setdefault((spec.issuer, spec.audience), name)
        if other != name:
            return f"{other} and {name} have the same issuer and audience"
    return ""
