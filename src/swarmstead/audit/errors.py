"""Why the trail cannot be signed, or not be written."""

from swarmstead.kernel.errors import Unavailable


class KeyUnusable(Unavailable):
    """The file that should hold the signing key cannot be read, or holds something else."""

    code = "audit_key_unusable"


class TrailDamaged(Unavailable):
    """Something else than this product has written to the trail, so that no row can follow the last one."""

    code = "audit_trail_damaged"
