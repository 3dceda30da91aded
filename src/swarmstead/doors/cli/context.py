"""Servers that were started here, and the key of each: `~/.config/swarmstead/context.json`, readable by its owner only.

A key is kept per address and belongs to one store (a database). When the same store is started on another port, its key
moves there; when another store is started on a known port, the old key is forgotten.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from swarmstead.kernel.errors import BadInput

DEFAULT_ADDRESS = "http://127.0.0.1:8700"


@dataclass(frozen=True, slots=True)
class Saved:
    """The key for one address, and which store it is known to."""

    key: str
    store: str


@dataclass(slots=True)
class Contexts:
    """What the file holds. `current` is the address that was started last; '' for none."""

    current: str = ""
    servers: dict[str, Saved] = field(default_factory=dict[str, Saved])

    def key_for(self, address: str) -> str:
        """The key for an address, '' when there is none. `localhost` is 127.0.0.1."""
        saved = self.servers.get(address) or self.servers.get(address.replace("://localhost", "://127.0.0.1", 1))
        return saved.key if saved else ""

    def kept(self, store: str) -> str:
        """The key for a store, wherever it listens; '' for none."""
        return next((saved.key for saved in self.servers.values() if saved.store == store), "")

    def started(self, address: str, store: str, new_key: str = "", *, holds: bool = True) -> bool:
        """Note that a server with this store listens there. `new_key` is its first admin key, once.

        `holds`: whether the key that is kept for the store is still good; if not it is forgotten.
        True when there is a key for it now.
        """
        kept = self.kept(store) if holds else ""
        self.servers = {
            known: saved for known, saved in self.servers.items() if known != address and saved.store != store
        }
        self.current = address
        if key := new_key or kept:
            self.servers[address] = Saved(key, store)
        return bool(key)


def file_path() -> Path:
    """Where contexts are kept; `XDG_CONFIG_HOME` is respected."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "swarmstead" / "context.json"


def load() -> Contexts:
    """What is saved; nothing when there is no file. Fails: BadInput when the file cannot be read."""
    path = file_path()
    try:
        raw: Any = json.loads(path.read_text(encoding="utf-8"))
        servers = cast("dict[str, dict[str, str]]", raw["servers"])
        return Contexts(
            str(raw["current"]),
            {address: Saved(str(one["key"]), str(one["store"])) for address, one in servers.items()},
        )
    except FileNotFoundError:
        return Contexts()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{path} cannot be read: it is damaged, or not yours.",
            way_out="Remove it; name the server and key with --server and --key-file, or STEAD_SERVER and STEAD_KEY.",
        ) from error


def save(contexts: Contexts) -> Path:
    """Write the file whole or not at all, for its owner only. Fails: OSError."""
    path = file_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    servers = {address: {"key": saved.key, "store": saved.store} for address, saved in contexts.servers.items()}
    temporary = path.with_name(f".context.{os.getpid()}.tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump({"current": contexts.current, "servers": servers}, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return path
