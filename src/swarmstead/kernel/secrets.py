"""References to secrets: where a key is found, never the key itself. Resolved at the moment of use, never stored."""

import os
import re
import stat
from hmac import compare_digest
from pathlib import Path

from swarmstead.kernel.errors import BadInput, SteadError

_ENV = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]{0,254})")
_FILE = re.compile(r"file:(/[^\0\r\n]{1,1000})")
_MOST_BYTES = 65_536
_OWN = "STEAD_"
_FORMS = "`env:NAME` (a variable of the server's environment) or `file:/absolute/path`"


class Secret:
    """A text that shows nowhere unless it is asked for."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self) -> str:
        """The text."""
        return self._text

    def __repr__(self) -> str:
        """Not the text."""
        return "Secret()"

    def __eq__(self, other: object) -> bool:
        """Whether it is the same text."""
        return isinstance(other, Secret) and compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        """As of the text."""
        return hash(self._text)


class SecretMissing(SteadError):
    """The reference is well formed, but nothing usable is there."""

    status = 424
    code = "secret_missing"
    exit_code = 2


def is_reference(text: str) -> bool:
    """Whether `text` has the form of a reference. Says nothing about whether a secret is there."""
    return bool(_ENV.fullmatch(text) or _FILE.fullmatch(text))


def resolve_reference(ref: str) -> str:
    """The secret that `ref` (`env:NAME` or `file:/path`) points to, without the line break that ends a file.

    Fails: BadInput when `ref` is no reference; it may be a pasted secret, so the message never repeats it.
    SecretMissing when the variable or file is absent, empty, too large or unreadable; it names the reference only.
    """
    if match := _ENV.fullmatch(ref):
        return _from_environment(match[1])
    if match := _FILE.fullmatch(ref):
        return _from_file(Path(match[1]))
    raise BadInput("This is not a reference to a secret.", way_out=f"Write {_FORMS}.", code="secret_reference_wrong")


def _from_environment(name: str) -> str:
    if name.upper().startswith(_OWN):
        raise SecretMissing(
            f"env:{name} is a setting of the server itself, which is sent to nobody.",
            way_out=f"Give the secret a variable of its own, whose name does not begin with {_OWN}.",
        )
    value = os.environ.get(name, "").strip()
    if not value:
        raise SecretMissing(
            f"env:{name} points to a variable that is not set in the server's environment.",
            way_out=f"Set {name} where the server is started, then restart it.",
        )
    return value


def _from_file(path: Path) -> str:
    if path.is_relative_to("/proc") or path.resolve().is_relative_to("/proc"):  # the environment is there as well
        raise SecretMissing(
            f"file:{path} is no file of its own.", way_out="Put the secret into a file, and name that one."
        )
    problem = ""
    value = ""
    regular = True
    try:
        # Nothing is waited for: to open a pipe would last until somebody writes into it.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            data = file.read(_MOST_BYTES + 1) if regular else b""
        value = data.decode().strip()
    except FileNotFoundError:
        problem = "does not exist"
    except UnicodeDecodeError:
        problem = "is not UTF-8 text"
    except OSError:
        problem = "cannot be read by the server's user"
    else:
        if not regular:
            problem = "is no regular file"
        elif len(data) > _MOST_BYTES:
            problem = f"is larger than {_MOST_BYTES:,} bytes"
        elif not value:
            problem = "is empty"
    if problem:
        # Raised here and not in the handlers: a UnicodeDecodeError holds the file's bytes.
        raise SecretMissing(
            f"file:{path} points to a file that {problem}.",
            way_out="Put the secret there as one line of text that the server's user can read.",
        )
    return value
