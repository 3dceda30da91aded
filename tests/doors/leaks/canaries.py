"""Secrets that are planted, and every place where one of them could come to light."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class Canaries:
    """Words without the form of a credential, one for each way in: nothing recognises them, so nothing may pass on."""

    argument: str = "canary-argument-1d0f"
    planned: str = "canary-planned-argument-2c9e"
    words: str = "canary-words-of-the-tool-server-3b8d"
    header: str = "canary-secret-of-a-header-4a7c"
    program: str = "canary-secret-of-a-program-596b"
    cookie: str = "canary-cookie-685a"
    custom: str = "canary-custom-header-7749"
    bearer: str = "canary-bearer-8638"
    user: str = "canary-user-of-a-url-9527"
    query: str = "canary-query-of-a-url-a416"
    body: str = "canary-body-of-no-request-b305"
    collector: str = "canary-secret-of-the-collector-c2f4"

    def found_in(self, text: str) -> set[str]:
        """The names of those that stand in a text."""
        return {one.name for one in fields(self) if getattr(self, one.name) in text}


def tables(database: Path) -> dict[str, str]:
    """Every table of a SQLite file, as text."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as conn:
        conn.text_factory = bytes
        rows = conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        names = [bytes(name).decode() for (name,) in rows]
        return {f"table {name}": _text(conn.execute(f'SELECT * FROM "{name}"').fetchall()) for name in names}  # noqa: S608 - names of its own


def files(folder: Path) -> dict[str, str]:
    """Every other file that the server keeps, indexes and keys among them."""
    kept = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("stead.db"))
    return {f"file {path.relative_to(folder)}": path.read_bytes().decode("utf-8", "replace") for path in kept}


def leaks(canaries: Canaries, sinks: Mapping[str, str], meant: Mapping[str, set[str]]) -> list[str]:
    """What was found where it is not meant to be."""
    found = {(sink, name) for sink, text in sinks.items() for name in canaries.found_in(text)}
    return sorted(f"{name} in {sink}" for sink, name in found if name not in meant.get(sink, set()))


def _text(rows: list[tuple[object, ...]]) -> str:
    return "\n".join(
        " ".join(
            one.decode("utf-8", "replace") if isinstance(one, bytes) else json.dumps(one, ensure_ascii=False)
            for one in row
        )
        for row in rows
    )
