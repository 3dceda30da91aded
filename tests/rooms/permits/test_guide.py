"""docs/rooms/permits.md can be followed: its policy is sound and decides as its table says."""

import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from swarmstead.permits.policies.reading import check
from swarmstead.permits.policies.tenant import Loaded
from swarmstead.resources.manifests import parse
from swarmstead.wiring import KINDS
from tests.rooms.permits.asking import ANN, policies

PAGE = (Path(__file__).parents[3] / "docs/rooms/permits.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)`, (\S+) \| (\w+) \| (\w+), (\S+) \|$", re.MULTILINE)


def example() -> Loaded:
    text = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (document,) = parse(text[0], KINDS)
    return Loaded(document.metadata.name, document.digest, document.spec, check(document.spec.cedar))


@pytest.mark.parametrize(("who", "at", "amount", "effect", "rule"), ROW.findall(PAGE))
def test_the_example_decides_as_it_is_told(who: str, at: str, amount: str, effect: str, rule: str) -> None:
    question = replace(
        ANN,
        principal=who,
        name=who,
        environment="prod",
        server="billing",
        tool="refund",
        arguments={} if amount == "none" else {"amount": int(amount)},
        at_ms=int(datetime.fromisoformat(at).timestamp() * 1000),
    )
    found = policies(example()).decide(question, 0)
    assert (found.effect, found.rules) == (effect, (rule,))


def test_the_table_was_found() -> None:
    assert len(ROW.findall(PAGE)) == 6
