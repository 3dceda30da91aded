"""Bodies of checkpoints of the audit trail, and of their verification."""

from swarmstead.doors.http.shapes import Shape


class CheckpointShape(Shape):
    """A signed statement of where the chain stands. Keep it outside of this server."""

    tenant: str
    seq: int
    hash: str
    at: int
    key_id: str
    signature: str


class SignedCheckpoint(CheckpointShape):
    """A checkpoint with the public key that checks it (base64, Ed25519)."""

    public_key: str


class VerifyIn(Shape):
    """Verify the chain; with a checkpoint, that it was not rewritten or cut off since."""

    checkpoint: CheckpointShape | None = None


class AuditProblem(Shape):
    """Where the chain is broken, and how."""

    seq: int
    problem: str


class HeadShape(Shape):
    """The end of the chain."""

    seq: int
    hash: str


class VerifyOut(Shape):
    """The answer of a verification."""

    ok: bool
    checked: int
    problems: list[AuditProblem]
    head: HeadShape
