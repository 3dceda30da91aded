"""What is wrong with a manifest, and where."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from swarmstead.kernel.errors import BadInput, NotFound

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ManifestError:
    """One fault, at a line and column (from 1) of a file, in a field such as `spec.limits.turns`."""

    file: str
    line: int
    column: int
    field: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        return f"{where}: {self.field}: {self.message}" if self.field else f"{where}: {self.message}"


def _place(error: ManifestError) -> tuple[str, int, int]:
    return error.file, error.line, error.column


class ManifestRefused(BadInput):
    """Nothing was applied: every fault found is in `errors`."""

    code = "manifest_refused"

    def __init__(self, errors: Sequence[ManifestError]) -> None:
        self.errors: tuple[ManifestError, ...] = tuple(sorted(errors, key=_place))
        more = "; …" if len(self.errors) > _SHOWN else ""
        super().__init__(
            "; ".join(str(error) for error in self.errors[:_SHOWN]) + more,
            field=next((error.field for error in self.errors), ""),
            way_out="Mend the fields named and apply again; nothing was changed. `stead schema KIND` tells more.",
            extra={"errors": [asdict(error) for error in self.errors]},
        )


class DeclaredElsewhere(BadInput):
    """Nothing was applied: files of another owner declare one of the resources, and stand."""

    code = "declared_elsewhere"

    def __init__(self, kind: str, name: str, theirs: str, ours: str) -> None:
        super().__init__(
            f"{kind} {name} is declared by the files of two owners: {theirs!r}, who has it, and {ours!r}.",
            field="metadata.name",
            way_out=f"Take it out of one owner's files. Once {theirs!r} has given it up, or after `stead delete "
            f"{kind.lower()} {name}`, {ours!r} has it. Servers with the same files need the same STEAD_CONFIG_OWNER.",
            extra={"kind": kind, "name": name, "owners": [theirs, ours]},
        )


class ResourceUnknown(NotFound):
    """There is no resource of that kind and name, or no such version."""

    code = "resource_unknown"


class KindUnknown(ResourceUnknown):
    """This server knows no resources of that kind, but those that it names."""

    def __init__(self, kind: str, known: Iterable[str]) -> None:
        super().__init__(f"There is no kind {kind!r}.", way_out=f"Known kinds: {', '.join(sorted(known))}.")


class ReferencesDangling(BadInput):
    """Documents name what nobody has declared, and whoever applies them wants that refused. Nothing was applied."""

    code = "references_dangling"

    def __init__(self, lines: Sequence[str]) -> None:
        more = f" {len(lines) - _SHOWN} more like these." if len(lines) > _SHOWN else ""
        super().__init__(
            f"Nothing was applied. {' '.join(lines[:_SHOWN])}{more}",
            way_out="Declare that before, or together with these. "
            "Without --strict (the API's `strict`) it is a warning.",
            extra={"errors": [{"message": line} for line in lines]},
        )
