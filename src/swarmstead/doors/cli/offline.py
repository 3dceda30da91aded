"""Verifying an export of the audit chain with nothing but the export, a checkpoint and a public key."""

import base64
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from swarmstead.audit.contract import Checkpoint, Problem, Row, Verification
from swarmstead.audit.queries import check, told_checkpoint, told_row
from swarmstead.audit.queries import verify as walk
from swarmstead.doors.cli.audit import CHECKPOINT_WAY_OUT, ChainBroken, read_checkpoint
from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.hashing import canonical_json, sha256_hex

_MOST_ODD = 50


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Checks checkpoints with a public key alone. `key_id` names it as the audit room does."""

    key: Ed25519PublicKey
    key_id: str

    @classmethod
    def from_text(cls, text: str) -> "PublicKey":
        """From the base64 of the 32 raw bytes, as a checkpoint shows it. Fails: BadInput."""
        try:
            raw = base64.b64decode(text, validate=True)
            return cls(Ed25519PublicKey.from_public_bytes(raw), sha256_hex(raw)[:16])
        except ValueError as error:
            raise BadInput(
                "This is not a public key.",
                field="--public-key",
                way_out="Give the `public_key` that stands in a checkpoint: 44 characters of base64.",
            ) from error

    def check(self, message: bytes, signature: str) -> bool:
        """Whether `signature` (base64) is this key's for `message`."""
        try:
            self.key.verify(base64.b64decode(signature, validate=True), message)
        except (InvalidSignature, ValueError):
            return False
        return True


def verify(export: Path, checkpoint: Path | None, public_key: str) -> dict[str, Any]:
    """What `POST audit:verify` would answer, for an export.

    Without `public_key`, the key that stands in the checkpoint is taken: then the checkpoint is as good as the place
    where it was kept. Fails: ChainBroken for a line that is no row; BadInput for no checkpoint, and no file.
    """
    odd: list[Problem] = []
    rows = _rows(export, odd)
    if checkpoint is None:
        found, signature = walk(_some(rows, export)), ""
    else:
        signed = read_checkpoint(checkpoint)
        key = PublicKey.from_text(public_key or str(signed.get("public_key", "")))
        found = check(rows, key, _checkpoint(signed, checkpoint))
        signature = "signed by the key that was given" if public_key else "signed by the key that it holds itself"
    if odd:
        problems = sorted((*odd, *found.problems), key=lambda one: one.seq)
        found = replace(found, ok=False, problems=tuple(problems))
    return _answer(found) | ({"signature": signature} if signature and found.ok else {})


def _some(rows: Iterator[Row], export: Path) -> Iterator[Row]:
    """The rows, of which there is at least one: a tenant that has made an export has a row about its first key."""
    first = next(rows, None)
    if first is None:
        raise BadInput(
            f"{export} is empty: there is nothing to verify.",
            field="--file",
            way_out="Give the file that `stead audit export --to FILE` wrote.",
        )
    return chain([first], rows)


def _answer(found: Verification) -> dict[str, Any]:
    return {
        "ok": found.ok,
        "checked": found.checked,
        "problems": [{"seq": one.seq, "problem": one.problem} for one in found.problems],
        "head": {"seq": found.head_seq, "hash": found.head_hash},
    }


def _checkpoint(signed: dict[str, Any], path: Path) -> Checkpoint:
    if (found := told_checkpoint(signed)) is None:
        raise BadInput(
            f"{path} is not a checkpoint: a field has the wrong type.", field="--checkpoint", way_out=CHECKPOINT_WAY_OUT
        )
    return found


def _rows(export: Path, odd: list[Problem]) -> Iterator[Row]:
    """The rows; `odd` gets a problem for each line that is not, byte for byte, what its row is exported as.

    A field that stands twice, say: another reader of the file may take the other one for true.
    """
    try:
        with export.open("rb") as file:
            for number, line in enumerate(file, 1):
                row = _row(line, f"{export}:{number}")
                if line.removesuffix(b"\n") != canonical_json(asdict(row)) and len(odd) < _MOST_ODD:
                    odd.append(Problem(row.seq, f"line {number} is not written as an export writes this row"))
                yield row
    except OSError as error:
        raise BadInput(
            f"The export {export} cannot be read: {error.strerror}.",
            field="--file",
            way_out="Give the file that `stead audit export --to FILE` wrote.",
        ) from error


def _row(line: bytes, where: str) -> Row:
    try:
        found: Any = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    row = told_row(cast("dict[str, Any]", found)) if isinstance(found, dict) else None
    if row is None:
        raise ChainBroken(
            f"{where}: this is not a row of an audit export.",
            field="--file",
            way_out="Give the whole file that `stead audit export` wrote; a line that was cut cannot be read.",
        )
    return row
