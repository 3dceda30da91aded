"""The web UI's files, and index.html for every page of it. Hashed files may be kept for ever, index.html never."""

import json
from functools import cached_property
from pathlib import Path

from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from swarmstead.doors.http.problems import problem

ASSETS = Path(__file__).parent.parent / "ui" / "assets"
_NOT_BUILT = (
    "This server runs without the web UI: its files were not built.\n"
    "Install Node 20 or newer and run `make up` again, or use the command line: `stead --help`.\n"
)


class WebUi:
    """A small ASGI application over the built files."""

    def __init__(self, folder: Path = ASSETS) -> None:
        self._folder = folder.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._answer(scope["path"], scope["method"])(scope, receive, send)

    def _answer(self, path: str, method: str) -> Response:
        if method not in ("GET", "HEAD"):
            return problem(405, "method_not_allowed", "This address takes GET only.")
        index = self._folder / "index.html"
        if not index.is_file():
            return PlainTextResponse(_NOT_BUILT, 200 if path == "/" else 404)
        file = self._file(path)
        if file is not None and file != index:
            hashed = file.parent.name == "assets"
            cache = "public, max-age=31536000, immutable" if hashed else "no-cache"
            return FileResponse(file, headers={"cache-control": cache})
        page = self._is_page(path)
        if not page and ("\0" in path or "." in path.rpartition("/")[2]):
            return problem(404, "not_found", "There is no such file.")
        # What is no page gets the document too, which says so to a person; the status says it to everything else.
        return FileResponse(index, 200 if page else 404, headers={"cache-control": "no-cache"})

    def _is_page(self, path: str) -> bool:
        """Whether the web UI has a page here: `$name` in its list of pages stands for any one part of a path."""
        parts = _parts(path)
        return any(
            len(page) == len(parts)
            and all(wanted.startswith("$") or wanted == part for wanted, part in zip(page, parts, strict=True))
            for page in self._pages
        )

    @cached_property
    def _pages(self) -> list[list[str]]:
        pages: list[str] = json.loads((self._folder / "pages.json").read_text())
        return [_parts(page) for page in pages]

    def _file(self, path: str) -> Path | None:
        """The built file at this path; None where there is none, whatever the path is made of."""
        try:
            file = (self._folder / path.lstrip("/")).resolve()
            return file if file.is_relative_to(self._folder) and file.is_file() else None
        except (OSError, ValueError):  # a NUL, or a name longer than the system allows
            return None


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]
