"""What a question says of a call whose tool has no preview: enough to tell it from the next one, and no secret."""

import pytest

from swarmstead.gateway.contract import Caller, CallRequest
from swarmstead.gateway.model import plan_sentence
from tests.rooms.gateway.desk import ADA, Desk


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, ""),
        ({"ticket": "T-17"}, ": ticket=T-17"),
        ({"ticket": 17, "close": True, "tags": ["a", "b"]}, ': ticket=17, close=true, tags=["a", "b"]'),
        ({"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}, ": a=1, b=2, c=3 and 2 more"),
        ({"text": f"two\nlines {'x' * 500}"}, f": text=two lines {'x' * 38}…"),
        ({"a": "x" * 500, "b": "y" * 500, "c": "z"}, f": a={'x' * 48}…, b={'y' * 48}…, c=z"),
        ({"path": "safe\u202egnp.exe"}, r": path=safe\u202egnp.exe"),
        ({"password": "hunter2", "ticket": "T-17"}, ": password=[redacted], ticket=T-17"),
        ({"text": f"ghp_{'a' * 36}"}, ": text=[redacted]"),
    ],
)
def test_the_sentence_tells_one_call_from_another(arguments: dict[str, object], told: str) -> None:
    request = CallRequest(Caller(ADA), "tickets", "close", arguments, "k")
    assert plan_sentence(request, {"kind": "none"}) == f"Call close on tickets{told}"


async def test_the_sentence_is_no_part_of_what_is_approved(desk: Desk) -> None:
    asked = await desk.plan(desk.request("append", {"line": "one"}))
    assert "line=one" in asked.sentence
    assert asked.sentence not in str(asked.payload)
