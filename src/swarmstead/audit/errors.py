"""Why the trail cannot be signed."""

from swarmstead.kernel.errors import Unavailable


class KeyUnusable(Unavailable):
    """The file that should hold the signing key cannot be read, or holds something else."""

    code = "audit_key_unusable"
