"""Plain data as YAML that people read: texts as blocks, and whatever cannot be seen in quotes, where escapes work."""

import re
from typing import Any

import yaml

from swarmstead.kernel.plain import UNSEEN

_ODD = re.compile(UNSEEN)
_WIDTH = 110


def written(value: Any) -> str:
    """The value as YAML, in its own order.

    Invariants: a character that `UNSEEN` matches stands in a double-quoted text, so that it may be
    written as an escape; a text of several lines is a block, so that a diff of two versions reads line by line.
    """
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)


class _Dumper(yaml.SafeDumper):
    """SafeDumper with our form for texts."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = '"' if _ODD.search(value) else "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)  # pyright: ignore[reportUnknownMemberType]


_Dumper.add_representer(str, _text)
