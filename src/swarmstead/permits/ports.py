"""What the permits room needs from outside."""

from collections.abc import Sequence
from typing import Protocol

import sqlalchemy as sa

from swarmstead.kernel.scope import Scope
from swarmstead.people.contract import EnvironmentView
from swarmstead.resources.contract import Resource


class Declared(Protocol):
    """Reads declared resources. Given by `resources.queries.Registry`."""

    def all(
        self, conn: sa.Connection, scope: Scope, kind: str, *, after: str = "", limit: int = 1000
    ) -> list[Resource]:
        """Current versions of a kind, by name."""
        ...


class Environments(Protocol):
    """Which environments there are. Given by `people.queries`."""

    def list_environments(self, conn: sa.Connection, scope: Scope) -> Sequence[EnvironmentView]:
        """The tenant's environments by name."""
        ...
