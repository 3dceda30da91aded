"""The folder of an index: what belongs to it, in one manifest with sizes and checksums, written last.

A file that is missing, too short or changed makes the whole folder worthless, and it is emptied: the index is made
again from the tools. So is one of another format, or of other models.
"""

import json
import shutil
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_MANIFEST = "manifest.json"
_BESIDE = ".beside"
_CHUNK = 1 << 20
FORMAT = 1


def opened(folder: Path, made_with: dict[str, Any]) -> dict[str, int]:
    """What `sealed` noted, when everything is as it was then; else {} and an empty folder. Fails: OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / _BESIDE, ignore_errors=True)  # of a process that ended while it built
    try:
        manifest: dict[str, Any] = json.loads((folder / _MANIFEST).read_bytes())
        whole = manifest["made_with"] == {"format": FORMAT, **made_with} and all(
            _sum(folder / name, size) == crc for name, (size, crc) in manifest["files"].items()
        )
        if whole:
            return {name: int(count) for name, count in manifest["counts"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # there is none, or it cannot be read: the same as one that does not fit
    emptied(folder)
    return {}


def emptied(folder: Path) -> None:
    """Take everything out."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def beside(folder: Path) -> Generator[Path]:
    """An empty folder to build in, while what is in `folder` stays as it is; gone at the end."""
    made = folder / _BESIDE
    emptied(made)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def replaced(folder: Path, made: Path) -> None:
    """What was made beside takes the place of all else, its manifest last: half of that is worthless."""
    unsealed(folder)
    for path in folder.iterdir():
        if path.is_dir() and path != made:
            shutil.rmtree(path)
        elif path != made:
            path.unlink()
    for path in sorted(made.iterdir(), key=lambda path: path.name == _MANIFEST):
        path.rename(folder / path.name)


def unsealed(folder: Path) -> None:
    """Files are about to change: until `sealed`, the folder is worthless to whoever opens it."""
    (folder / _MANIFEST).unlink(missing_ok=True)


def sealed(folder: Path, made_with: dict[str, Any], counts: dict[str, int]) -> None:
    """Note what is there now. Cost: all of it is read once."""
    files = [
        path for path in sorted(folder.rglob("*")) if path.is_file() and path.name[0] != "." and path.name != _MANIFEST
    ]
    sizes = {path: path.stat().st_size for path in files}
    sums = {path.relative_to(folder).as_posix(): (size, _sum(path, size)) for path, size in sizes.items()}
    manifest = {"made_with": {"format": FORMAT, **made_with}, "counts": counts, "files": sums}
    draft = folder / f".{_MANIFEST}"
    draft.write_text(json.dumps(manifest))
    draft.replace(folder / _MANIFEST)


def _sum(path: Path, size: int) -> int:
    """CRC-32 of the first `size` bytes; -1 when there are fewer."""
    crc, left = 0, size
    with path.open("rb") as file:
        while left > 0:
            chunk = file.read(min(_CHUNK, left))
            if not chunk:
                return -1
            crc = zlib.crc32(chunk, crc)
            left -= len(chunk)
    return crc
