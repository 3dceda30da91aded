"""Reads of the resources room: the current version, any version, all of them, and the difference of two."""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from swarmstead.kernel.scope import Scope
from swarmstead.resources.contract import Document, Kind, Metadata, Resource
from swarmstead.resources.errors import KindUnknown, ReferencesDangling, ResourceUnknown
from swarmstead.resources.instances import instance
from swarmstead.resources.tables import DELETED, resource_versions, resources

Names = Callable[[sa.Connection, Scope], Iterable[str]]
_MOST_PAIRS = 4_000_000
_JOINED = sa.select(
    resource_versions, resources.c.labels, resources.c.owner, resources.c.digest.label("current"), resources.c.versions
).join(
    resources,
    (resources.c.tenant == resource_versions.c.tenant)
    & (resources.c.kind == resource_versions.c.kind)
    & (resources.c.name == resource_versions.c.name),
)


class Registry:
    """Reads declared resources as instances of their kinds' dataclasses.

    `others` gives the names, by kind, of what is not declared and yet can be referred to.
    """

    def __init__(self, kinds: Mapping[str, Kind], others: Mapping[str, Names] | None = None) -> None:
        self.kinds = kinds
        self._others = others or {}

    def get(self, conn: sa.Connection, scope: Scope, kind: str, name: str, digest: str = "") -> Resource:
        """The current version, or the one named by `digest`. Fails: ResourceUnknown."""
        found = self.find(conn, scope, kind, name, digest)
        if found is None:
            version = f" with version {digest}" if digest else ""
            raise ResourceUnknown(
                f"There is no {kind} called {name!r}{version}.", way_out=f"List them with `stead get {kind.lower()}`."
            )
        return found

    def find(self, conn: sa.Connection, scope: Scope, kind: str, name: str, digest: str = "") -> Resource | None:
        """As `get`, but None when there is none."""
        wanted = resource_versions.c.digest == (digest or resources.c.digest)
        row = conn.execute(self._of(scope, kind).where(resource_versions.c.name == name, wanted)).first()
        return None if row is None else self._resource(row)

    def all(
        self, conn: sa.Connection, scope: Scope, kind: str, *, after: str = "", limit: int = 1000
    ) -> list[Resource]:
        """Current versions of a kind, by name."""
        query = self._of(scope, kind).where(
            resource_versions.c.digest == resources.c.digest, resource_versions.c.name > after
        )
        return [self._resource(row) for row in conn.execute(query.order_by(resource_versions.c.name).limit(limit))]

    def versions(
        self, conn: sa.Connection, scope: Scope, kind: str, name: str, *, before: int | None = None, limit: int = 50
    ) -> list[Resource]:
        """Versions of one resource, newest first; `before`: the number of the last one seen. Fails: ResourceUnknown."""
        query = self._of(scope, kind).where(resource_versions.c.name == name)
        if before is not None:
            query = query.where(resource_versions.c.version < before)
        ordered = query.order_by(resource_versions.c.version.desc()).limit(limit)
        found = [self._resource(row) for row in conn.execute(ordered)]
        if not found and before is None:
            self.get(conn, scope, kind, name)
        return found

    def count_versions(self, conn: sa.Connection, scope: Scope, kind: str) -> dict[str, int]:
        """How many versions each resource of a kind has."""
        query = sa.select(resources.c.name, resources.c.versions)
        rows = conn.execute(query.where(resources.c.tenant == scope.tenant, resources.c.kind == kind))
        return {row.name: row.versions for row in rows}

    def dangling(self, conn: sa.Connection, scope: Scope, documents: Sequence[Document]) -> list[list[str]]:
        """For each document: its references to what is neither declared nor among the documents, in words.

        A kind that is not known here is somebody else's to look after.
        """
        known = {(document.kind, document.metadata.name) for document in documents}
        query = sa.select(resources.c.kind, resources.c.name)
        mine = (resources.c.tenant == scope.tenant) & (resources.c.digest != DELETED)
        known |= {(row.kind, row.name) for row in conn.execute(query.where(mine))}
        known |= {(kind, name) for kind, names in self._others.items() for name in names(conn, scope)}
        return [
            [
                f"{one.field}: there is no {one.kind} called {one.name!r}."
                for one in self.kinds[document.kind].refers(document.spec)
                if (one.kind in self.kinds or one.kind in self._others) and (one.kind, one.name) not in known
            ]
            for document in documents
        ]

    def advice(self, documents: Sequence[Document]) -> list[list[str]]:
        """For each document: what its kind warns of. No reason to refuse it: it may be meant."""
        return [list(self.kinds[document.kind].warns(document.spec)) for document in documents]

    def users(self, conn: sa.Connection, scope: Scope, kind: str, name: str) -> list[tuple[str, str]]:
        """Kind and name of every current resource that refers to this one, in that order.

        Cost: reads all that the tenant has declared of kinds that refer to something.
        """
        current = resource_versions.c.digest == resources.c.digest
        mine = (resources.c.tenant == scope.tenant) & resources.c.kind.in_(self.kinds)
        ordered = _JOINED.where(current, mine).order_by(resources.c.kind, resources.c.name)
        found = (self._resource(row) for row in conn.execute(ordered))
        return [
            (one.kind, one.name)
            for one in found
            if any((its.kind, its.name) == (kind, name) for its in self.kinds[one.kind].refers(one.spec))
        ]

    def _of(self, scope: Scope, kind: str) -> sa.Select[Any]:
        if kind not in self.kinds:
            raise KindUnknown(kind, self.kinds)
        return _JOINED.where(resource_versions.c.tenant == scope.tenant, resource_versions.c.kind == kind)

    def _resource(self, row: sa.Row[Any]) -> Resource:
        spec = instance(self.kinds[row.kind].spec, row.content)
        return Resource(
            row.kind,
            row.name,
            row.digest,
            row.version,
            spec,
            row.content,
            row.labels,
            row.owner,
            row.created_at,
            row.created_by,
        )


def refuse_dangling(documents: Sequence[Document], dangling: Sequence[Sequence[str]]) -> None:
    """For whoever wants every reference to lead somewhere; `dangling` is `Registry.dangling` of these documents.

    Fails: ReferencesDangling.
    """
    lines = [
        f"{document.kind} {document.metadata.name}: {text}"
        for document, texts in zip(documents, dangling, strict=True)
        for text in texts
    ]
    if lines:
        raise ReferencesDangling(lines)


def manifest(resource: Resource) -> str:
    """The resource as the YAML that would declare it."""
    from swarmstead.resources.manifests import dump  # what writes YAML is not there until somebody looks

    meta = Metadata(resource.name, resource.labels, resource.owner)
    return dump(Document(resource.kind, meta, resource.spec, resource.content, resource.digest))


def diff(one: Resource, other: Resource) -> list[tuple[str, str]]:
    """The two manifests line by line: (' ' | '-' | '+', text). Very long ones are not compared: all of both."""
    left, right = manifest(one).splitlines(), manifest(other).splitlines()
    lines: list[tuple[str, str]] = []
    if len(left) * len(right) > _MOST_PAIRS:  # the time grows with the product
        return [("-", text) for text in left] + [("+", text) for text in right]
    for op, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if op == "equal":
            lines += [(" ", text) for text in left[a:b]]
        else:
            lines += [("-", text) for text in left[a:b]] + [("+", text) for text in right[c:d]]
    return lines
