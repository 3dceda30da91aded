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
        if not path or len(path) > _MAX_PATH or "\0" in path:
            raise InputRefused(
                "This is not a path.", way_out="Give the absolute path of a git repository on the server's machine."
            )
        try:
            real = Path(path).expanduser().resolve()
        except (OSError, RuntimeError) as error:
            raise InputRefused(
                f"The path {path!r} cannot be followed.", way_out="Give the real path of the repository."
            ) from error
        if not any(real == allowed or real.is_relative_to(allowed) for allowed in self._allowed):
            folders = ", ".join(str(allowed) for allowed in self._allowed)
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
