"""What comes from outside can be kept afterwards, or is refused."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmstead.kernel.hashing import digest
from swarmstead.kernel.plain import broken_text, crowded, plain, plain_text

_ANY_TEXT = st.text(st.characters(codec=None, categories=None))
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _ANY_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(_ANY_TEXT, inner),
    max_leaves=20,
)


@given(_ANY)
def test_whatever_json_can_bring_can_be_hashed_and_kept(value: Any) -> None:
    kept = plain(value)
    assert digest(kept)
    assert "\\u0000" not in json.dumps(kept)
    assert plain(kept) == kept


@pytest.mark.parametrize("text", ["", "plain", "ü \N{EURO SIGN} \N{GRINNING FACE}", "line\nline\t\x1b"])
def test_text_that_is_well_is_left_alone(text: str) -> None:
    assert plain_text(text) == text


def test_each_broken_character_is_replaced() -> None:
    assert plain({"a\0": ["\ud83d\ud83d", "x\udfff"]}) == {"a\ufffd": ["\ufffd\ufffd", "x\ufffd"]}


@given(_ANY)
def test_a_broken_text_is_found_exactly_where_there_is_one(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        assert broken_text(value) is not None
    else:
        assert broken_text(value) is None


def test_the_first_broken_text_is_named() -> None:
    assert broken_text({"a": ["x", {"b": "\ud800"}], "c": "\ud800"}) == ("a", "1", "b")
    assert broken_text({"a": {"\udfff": 1}}) == ("a",)
    assert broken_text("\udfff") == ()


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_does_not_have_are_refused(number: float) -> None:
    with pytest.raises(ValueError, match="a number that JSON does not have"):
        plain({"a": [number]})


def test_what_is_nested_beyond_reason_is_refused() -> None:
    deep: Any = "x"
    for _ in range(100):
        deep = [deep]
    assert plain(deep) == deep
    with pytest.raises(ValueError, match="nested more than 100 deep"):
        plain({"a": deep})


@pytest.mark.parametrize("piece", [b"[],", b'{"a":1},', b"0,", b"[["])
def test_text_that_is_all_brackets_and_commas_is_crowded(piece: bytes) -> None:
    assert crowded(piece * (4_000_000 // len(piece)))
    assert not crowded(piece * 50_000)


def test_large_honest_texts_are_not() -> None:
    rows = b'{"name": "a service of ours", "labels": {"team": "shop"}, "replicas": 3},'
    assert not crowded(rows * (4_000_000 // len(rows)))
    assert not crowded(b"x" * 16_000_000)


def test_a_look_for_broken_text_takes_no_more_memory_than_the_value_has() -> None:
    """Each value of a long list that lies deep: a path of its own each would be a thousand times as much."""
    value: Any = [*[0] * 20_000, "\ud800"]
    for _ in range(900):
        value = [value]
    tracemalloc.start()
    try:
        found = broken_text(value)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == (*["0"] * 900, "20000")
    assert peak < 10_000_000
