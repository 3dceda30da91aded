"""A key that comes twice in an object is refused, wherever it is and however it is spelt; nothing else is."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmstead.doors.mcp.protocol import INVALID_REQUEST, RpcError, parsed
from tests.doors.mcp.door import Door
from tests.doors.mcp.test_eras import HEADERS, META
from tests.oddities import ANYTHING

CALL = '{"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": %s}'
TWICE = [
    ('{"jsonrpc": "2.0", "id": 7, "method": "tools/list", "method": "tools/call", "params": {}}', "method"),
    (r'{"jsonrpc": "2.0", "id": 7, "method": "tools/list", "\u006dethod": "tools/call", "params": {}}', "method"),
    ('{"jsonrpc": "2.0", "id": 7, "id" \n\t: 7, "method": "ping"}', "id"),
    ('{"jsonrpc": "2.0", "id": 7, "method": "ping", "params": {}, "params": {"a": {"b:": 1}}}', "params"),
    (CALL % '{"name": "kit__wipe", "name": "kit__read", "arguments": {"name": "x"}}', "name"),
    (CALL % r'{"name": "kit__read", "arguments": {"na\u006De": "x", "name": "x"}}', "name"),
    (CALL % '{"name": "kit__read", "arguments": {"name": "x", "more": [[1, {"a:b": "c:d", "a:b": "c:d"}]]}}', "a:b"),
    (CALL % r'{"name": "kit__read", "arguments": {"": ":", "a": "\u003a\":", "": 2}}', ""),
    (CALL % '{"a":1, "b:c" \n:1, "d"\t: ":", "e"\r:"\\":", "a" : 1}', "a"),
    ('[{"a": 1}, {"a": 1, "a": 1}]', "a"),
    ('{"a": ' * 400 + '{"b": 1, "b": 2}' + "}" * 400, "b"),
    ('{"n": %s, "n": 1}' % ("1" * 300), "n"),
    ('{"' + "k" * 5000 + '": 1, "' + "k" * 5000 + '": 1}', "k" * 100),
]


@pytest.mark.parametrize(("body", "key"), TWICE)
async def test_it_is_refused_and_named_in_either_era(door: Door, body: str, key: str) -> None:
    for headers in ({}, HEADERS):
        answer = await door.post(body.encode(), **headers)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, -32600)
        assert f"The key {key!r} " in error["message"]
    assert door.house.upstream.called("read") == 0


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": 'a:b "c": {"c": 1, "c": 2}'},
        {"name": "::::"},
        {"name": "https://example.com: yes :no\n:\t:\r:"},
        {"name": '\\\\":\\u003a'},
        {"name": "x" * 3000 + ":"},
    ],
)
async def test_colons_and_keys_within_texts_are_texts(door: Door, arguments: dict[str, str]) -> None:
    params = {"name": "kit__read", "arguments": arguments, "_meta": META}
    answer = await door.post({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}, **HEADERS)
    assert answer.json()["result"]["isError"] is False
    assert door.house.upstream.calls[0].arguments == arguments


def _texts(value: Any) -> st.SearchStrategy[str]:
    """A value's texts: in ASCII or not, close together or apart."""

    def written(colon: str, *, ascii_only: bool) -> str:
        return json.dumps(value, ensure_ascii=ascii_only, separators=(",", colon))

    return st.builds(written, st.sampled_from([":", " : ", "\n:\t", "\t:", "\r: "]), ascii_only=st.booleans())


@given(ANYTHING.flatmap(_texts))
def test_what_has_each_key_once_is_read_as_it_is(text: str) -> None:
    try:
        body = text.encode()
        expected = msgspec.json.decode(body)
    except ValueError:  # half a surrogate pair
        return
    assert parsed(body) == expected


@given(st.data(), st.recursive(st.text(), lambda inner: st.dictionaries(st.text(), inner, min_size=1, max_size=4)))
def test_a_member_that_is_put_in_again_anywhere_is_found(data: st.DataObject, value: Any) -> None:
    body = _doubled(data, {"a": value})
    with pytest.raises(RpcError) as refused:
        parsed(body.encode("utf-8", "replace"))
    assert refused.value.code == INVALID_REQUEST


def _doubled(data: st.DataObject, value: Any) -> str:
    """An object's text with one member, of it or of an object in it, there once more and perhaps spelt otherwise."""
    members = [(json.dumps(name), inner) for name, inner in value.items()]
    place = data.draw(st.integers(0, len(members) - 1))
    name, inner = members[place]
    texts = [f"{one}: {json.dumps(held)}" for one, held in members]
    if isinstance(inner, dict) and data.draw(st.booleans()):
        texts[place] = f"{name}: {_doubled(data, inner)}"
        return "{" + ", ".join(texts) + "}"
    plain: str = json.loads(name)
    spelt = "".join(f"\\u{ord(one):04x}" for one in plain) if all(ord(one) < 0xD800 for one in plain) else plain
    again = f'"{spelt}"' if spelt != plain else name
    texts.insert(data.draw(st.integers(0, len(texts))), f"{again} : {json.dumps(data.draw(st.text()))}")
    return "{" + ", ".join(texts) + "}"
