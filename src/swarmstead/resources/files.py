"""Manifests in files and folders: their texts, whether they have changed, and what they declare together."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from swarmstead.kernel.errors import BadInput

if TYPE_CHECKING:
    from swarmstead.resources.contract import Document, Kind

SUFFIXES = frozenset({".yaml", ".yml"})
MOST_BYTES = 16 * 1024 * 1024
Text = tuple[str, str]
"""A file's name and its text."""
State = tuple[tuple[str, int, int, int], ...]


def texts_of(path: Path) -> list[Text]:
    """A file, or every .yaml and .yml file below a folder, by name; what begins with a dot is left out there.

    Fails: BadInput, naming the file.
    """
    return [(str(file), _read(file)) for file in files_of(path)]


def files_of(path: Path) -> list[Path]:
    """The files of `texts_of`. Fails: BadInput, when a folder has none."""
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and _is_shown(file, path))
    if not found:
        raise BadInput(f"There is no .yaml or .yml file in {path}.", way_out="Name a file or another folder.")
    return found


def decoded(name: str, data: bytes) -> str:
    """A file's bytes as text. Fails: BadInput, naming the line."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadInput(f"{name}:{line}: this is not UTF-8 text.", way_out="Save the file as UTF-8.") from error


class DeclaredFiles:
    """Files and folders that an operator names, read as one: all of it is good, or none of it is taken."""

    def __init__(self, paths: Sequence[Path], kinds: "Mapping[str, Kind]") -> None:
        self._paths = tuple(paths)
        self._kinds = kinds
        self.loaded: State = ()
        """The state that `load` has read last: at a change meanwhile it differs from what is there."""

    def load(self) -> "list[Document]":
        """What they declare now.

        Fails: ManifestRefused, with file, line and column of every fault; BadInput for what cannot be read.
        """
        from swarmstead.resources.manifests import parse_all

        self.loaded = self.state()
        return parse_all([text for path in self._paths for text in texts_of(path)], self._kinds)

    def state(self) -> State:
        """Changes whenever a file comes, goes, or is written or replaced. Cost: one look at each file."""
        return tuple(_facts(file) for path in self._paths for file in _looked_at(path))


def _looked_at(path: Path) -> Iterator[Path]:
    try:
        yield from files_of(path)
    except (BadInput, OSError):  # `load` says so; for now it is a state like others
        yield path


def _facts(file: Path) -> tuple[str, int, int, int]:
    try:
        found = file.stat()
    except OSError:
        return str(file), 0, 0, 0
    return str(file), found.st_mtime_ns, found.st_size, found.st_ino


def _is_shown(file: Path, folder: Path) -> bool:
    """Kubernetes keeps the files of a mounted ConfigMap twice: the second time in a folder that begins with dots."""
    return file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read: {error.strerror}.", way_out="Name a file or folder that exists."
        ) from error
    if len(data) > MOST_BYTES:
        raise BadInput(f"{path} is larger than {MOST_BYTES} bytes.", way_out="Split it.")
    return decoded(str(path), data)
