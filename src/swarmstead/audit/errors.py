"""Why the trail cannot be signed, or not be written."""

import logging
from collections.abc import Generator
from contextlib import contextmanager

from swarmstead.kernel.errors import SteadError, Unavailable

log = logging.getLogger(__name__)


class KeyUnusable(Unavailable):
    """The file that should hold the signing key cannot be read, or holds something else."""

    code = "audit_key_unusable"


class TrailDamaged(SteadError):
    """Something else than this product has written to a tenant's trail, so that no row can follow the last one.

    Not `Unavailable`: the database is there, and waiting would keep the other tenants' rows from it.
    """

    status = 503
    code = "audit_trail_damaged"


@contextmanager
def damage_told() -> Generator[None]:
    """Around what is done for one tenant after the other: the log says whose trail is damaged, and the others go on."""
    try:
        yield
    except TrailDamaged as error:
        log.error("%s %s", error.message, error.way_out)  # noqa: TRY400 - its words say it
