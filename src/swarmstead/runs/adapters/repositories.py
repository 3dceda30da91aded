"""Which folders of this machine a run may name: git work trees inside what the operator allows."""

from collections.abc import Sequence
from pathlib import Path

from swarmstead.runs.errors import InputRefused

_MAX_PATH = 4096


class LocalRepositories:
    """Checks paths against a list of allowed folders.

    Nothing outside of them is looked at, not even to say that it exists.
    """

    def __init__(self, allowed: Sequence[Path]) -> None:
        self._allowed = tuple(path.resolve() for path in allowed)

    def check(self, path: str) -> Path:
        """The real path of a git work tree's top folder inside what is allowed. Fails: InputRefused."""
        if not path or len(path) > _MAX_PATH or "\0" in path or not _is_text(path):
            raise InputRefused(
                "This is not a path.", way_out="Give the absolute path of a git repository on the server's machine."
            )
        try:
            return self._checked(path)
        except (OSError, RuntimeError, ValueError) as error:
            raise InputRefused(
                f"The path {ascii(path)[:200]} cannot be followed.", way_out="Give the real path of the repository."
            ) from error

    def _checked(self, path: str) -> Path:
        """Fails: InputRefused; OSError, RuntimeError or ValueError for what is no path to this system."""
        real = Path(path).expanduser().resolve()
        if not any(real == allowed or real.is_relative_to(allowed) for allowed in self._allowed):
            folders = ", ".join(dict.fromkeys(map(str, self._allowed)))
            raise InputRefused(
                f"Denied: {path} is outside of the folders that runs may read ({folders}).",
                way_out="Start the server with --allow FOLDER (or STEAD_ALLOWED_PATHS), or choose one inside of them.",
            )
        if not real.is_dir():
            raise InputRefused(
                f"There is no folder {path}.", way_out="Give the path of a git repository on the server's machine."
            )
        if not (real / ".git").exists():
            raise InputRefused(
                f"{path} is not the top folder of a git repository: it has no .git.",
                way_out="Give the folder that holds .git.",
            )
        return real


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which no answer could hold
        return False
    return True
