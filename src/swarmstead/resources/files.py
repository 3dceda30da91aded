"""Manifests in files and folders: their texts, whether they have changed, and what they declare together."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from swarmstead.kernel.errors import BadInput, SteadError

if TYPE_CHECKING:
    from swarmstead.resources.contract import Document, Kind

SUFFIXES = frozenset({".yaml", ".yml"})
_MOST_READS = 10
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
    """The files of `texts_of`, dangling links too: reading one says what is wrong.

    Fails: BadInput, when a folder has none, or cannot be looked into.
    """
    if not path.is_dir():
        return [path]
    found = sorted(_below(path))
    if not found:
        raise BadInput(f"There is no .yaml or .yml file in {path}.", way_out="Name a file or another folder.")
    return found


def _below(folder: Path) -> Iterator[Path]:
    """Kubernetes keeps the files of a mounted ConfigMap twice: the second time in a folder that begins with dots."""
    for at, folders, names in os.walk(folder, onerror=_cannot_look):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(at, name) for name in names if Path(name).suffix in SUFFIXES and not name.startswith("."))


def _cannot_look(error: OSError) -> None:
    raise BadInput(
        f"{error.filename} cannot be looked into: {error.strerror}.", way_out="Let the server's user read it."
    ) from error


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

        return parse_all(self._texts(), self._kinds)

    def declaring(self, kind: str, name: str) -> str:
        """The file that declares it as they stand now; '' where none does, or what does is faulty."""
        from swarmstead.resources.manifests import parse

        def declares(file: str, text: str) -> bool:
            with suppress(SteadError):
                return any((one.kind, one.metadata.name) == (kind, name) for one in parse(text, self._kinds, file))
            return False

        with suppress(SteadError):
            texts = [found for path in self._paths for found in texts_of(path)]
            return next((file for file, text in texts if declares(file, text)), "")
        return ""

    def _texts(self) -> list[Text]:
        """What changes while it is read may be half old and half new: it is read again, up to a bound."""
        texts: list[Text] = []
        for _ in range(_MOST_READS):
            self.loaded = self.state()
            texts = [text for path in self._paths for text in texts_of(path)]
            if self.state() == self.loaded:
                break
        return texts

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
