"""A document's digest names its content; its schema and its YAML agree with what is parsed."""

from importlib.resources import files
from typing import Any, cast

import jsonschema_rs
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmstead.resources.contract import Document
from swarmstead.resources.errors import ManifestRefused
from swarmstead.resources.manifests import dump, parse, schema_of
from swarmstead.wiring import KINDS
from tests.rooms.resources.helpers import agent, manifest, one

SAMPLES = sorted((files("swarmstead") / "samples").iterdir(), key=lambda file: file.name)
SAMPLE_TEXTS = {file.name: file.read_text(encoding="utf-8") for file in SAMPLES if file.name.endswith(".yaml")}
SCHEMAS = {name: schema_of(kind) for name, kind in KINDS.items()}
VALIDATORS = {name: jsonschema_rs.validator_for(schema) for name, schema in SCHEMAS.items()}


def sample_documents() -> list[dict[str, Any]]:
    return [document for text in SAMPLE_TEXTS.values() for document in yaml.safe_load_all(text)]


# Digests -------------------------------------------------------------------------------------------------------------


def test_the_order_of_keys_and_the_way_of_writing_do_not_matter() -> None:
    written = """\
{"kind": "Agent", "spec": {"model": "scripted", "instructions": "Help."},
 "metadata": {"name": "helper"}, "apiVersion": "swarmstead.dev/v1alpha1"}
"""
    assert one(written) == one(agent())
    assert one(agent().replace("Help.", "'Help.'  # a comment")) == one(agent())


def test_defaults_that_are_written_out_do_not_matter() -> None:
    assert one(agent(max_turns=24, description="")).digest == one(agent()).digest
    swarm: dict[str, Any] = {"pattern": "delegate", "coordinator": "a", "task": "x"}
    full: dict[str, Any] = swarm | {"limits": {"budget_usd": "0.10", "max_agents": 16}, "members": [], "inputs": {}}
    assert one(manifest("Swarm", "s", full)).digest == one(manifest("Swarm", "s", swarm)).digest


def test_name_labels_and_owner_are_not_part_of_the_content() -> None:
    labelled = manifest(
        "Agent", "other", {"instructions": "Help.", "model": "scripted"}, labels={"a": "b"}, owner="ada"
    )
    assert one(labelled).digest == one(agent()).digest


def test_every_change_of_content_is_another_digest() -> None:
    digests = {
        one(text).digest
        for text in (
            agent(),
            agent(instructions="Help. "),
            agent(model="other"),
            agent(max_turns=23),
            agent(description="x"),
            manifest("Binding", "a", {"agent": "a", "server": "b", "tools": ["c", "d"]}),
            manifest("Binding", "a", {"agent": "a", "server": "b", "tools": ["d", "c"]}),
        )
    }
    assert len(digests) == 7


# YAML and back -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLE_TEXTS)
def test_the_samples_survive_being_written_and_read(name: str) -> None:
    for document in parse(SAMPLE_TEXTS[name], KINDS):
        assert one(dump(document)) == document


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=80)


@settings(max_examples=40)
@given(_TEXT, _TEXT, st.dictionaries(st.from_regex(r"[a-z][a-z./-]{0,5}", fullmatch=True), _TEXT, max_size=3))
def test_any_text_survives_being_written_and_read(text: str, owner: str, labels: dict[str, str]) -> None:
    spec = {"instructions": text, "model": "m"}
    document = one(yaml.safe_dump(yaml.safe_load(manifest("Agent", "a", spec, owner=owner, labels=labels))))
    assert document.spec.instructions == text
    assert one(dump(document)) == document


@settings(max_examples=40)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**60), 2**60)
        | st.floats(allow_nan=False, allow_infinity=False)
        | _TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
        max_leaves=10,
    )
)
def test_any_argument_of_a_script_survives_being_written_and_read(value: Any) -> None:
    calls = [{"tool": "s__t", "arguments": {"a": _without_templates(value)}}]
    document = one(manifest("Model", "m", {"provider": "scripted", "script": {"*": [{"calls": calls}]}}))
    assert document.spec.script["*"][0].calls[0]["arguments"] == calls[0]["arguments"]
    assert one(dump(document)) == document


def _without_templates(value: Any) -> Any:
    """Strings of a script are templates; here they should stand for themselves."""
    if isinstance(value, str):
        return value.replace("{", "(").replace("#", "(")
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return {key.replace("{", "("): _without_templates(item) for key, item in items}
    if isinstance(value, list):
        return [_without_templates(item) for item in cast("list[Any]", value)]
    return value


# JSON Schema ---------------------------------------------------------------------------------------------------------


def test_every_kind_has_a_schema_of_the_current_draft() -> None:
    for name, schema in SCHEMAS.items():
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert schema["properties"]["kind"] == {"const": name}
        assert jsonschema_rs.meta.is_valid(schema)


def test_the_samples_show_every_kind_and_satisfy_its_schema() -> None:
    documents = sample_documents()
    assert {document["kind"] for document in documents} == set(KINDS)
    for document in documents:
        VALIDATORS[document["kind"]].validate(document)


def test_every_field_of_every_kind_says_what_it_is_for() -> None:
    bare: list[str] = []

    def walk(where: str, schema: dict[str, Any]) -> None:
        for name, field in schema.get("properties", {}).items():
            if "description" not in field:
                bare.append(f"{where}.{name}")

    for kind, schema in SCHEMAS.items():
        walk(kind, schema["properties"]["spec"])
        for name, definition in schema["$defs"].items():
            walk(name, definition)
    assert bare == []


SOUND: dict[str, dict[str, Any]] = {
    "Agent": {"instructions": "x", "model": "m"},
    "Binding": {"agent": "a", "server": "s"},
    "FeatureFlag": {"enabled": True},
    "Model": {"provider": "ollama", "model": "m"},
    "Policy": {"cedar": "permit (principal, action, resource);"},
    "Swarm": {"pattern": "delegate", "coordinator": "a", "task": "x"},
    "ToolServer": {"transport": "stdio", "command": ["builtin:git"]},
    "ToolSet": {"select": [{"server": "s", "tools": ["t"]}]},
}
UNSOUND: list[tuple[str, dict[str, Any]]] = [
    ("Agent", {"instructions": ""}),
    ("Agent", {"instructions": "x" * 50_001}),
    ("Agent", {"instructions": 7}),
    ("Agent", {"model": None}),
    ("Agent", {"max_turns": 0}),
    ("Agent", {"max_turns": 201}),
    ("Agent", {"max_turns": "many"}),
    ("Agent", {"unknown": 1}),
    ("Binding", {"tools": "git_log"}),
    ("Binding", {"tools": [1]}),
    ("Binding", {"mode": "shadow"}),
    ("FeatureFlag", {"share": 5}),
    ("FeatureFlag", {"environments": "prod"}),
    ("ToolServer", {"flags": {"write": ""}}),
    ("ToolSet", {"select": []}),
    ("ToolSet", {"select": [{"tools": ["t"]}]}),
    ("ToolSet", {"names": "short"}),
    ("Model", {"provider": "skynet"}),
    ("Model", {"price": {"input_per_million_usd": "1"}}),
    ("Model", {"script": {"a": [{"shout": "x"}]}}),
    ("Model", {"timeout_s": 601}),
    ("Policy", {"cedar": ""}),
    ("Policy", {"mode": "off"}),
    ("Policy", {"share": 1.01}),
    ("Policy", {"environments": "prod"}),
    ("Policy", {"exceptions": [{"principal": "agent/a"}]}),
    ("Swarm", {"limits": {"max_agents": 201}}),
    ("Swarm", {"limits": []}),
    ("Swarm", {"inputs": {"a": {"type": "folder"}}}),
    ("Swarm", {"members": ["a"] * 65}),
    ("ToolServer", {"transport": "carrier pigeon"}),
    ("ToolServer", {"risk": {"a": "low"}}),
    ("ToolServer", {"env": {"A": 1}}),
]


def document_of(kind: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return yaml.safe_load(manifest(kind, "a", SOUND[kind] | spec, **metadata))


def both_say(document: dict[str, Any], *, sound: bool) -> Document | None:
    """Whether schema and parser agree about a document."""
    assert VALIDATORS[document["kind"]].is_valid(document) is sound
    text = yaml.safe_dump(document)
    if sound:
        return one(text)
    with pytest.raises(ManifestRefused):
        parse(text, KINDS)
    return None


@pytest.mark.parametrize("kind", SOUND)
def test_schema_and_parser_take_what_is_sound(kind: str) -> None:
    assert set(SOUND) == set(KINDS)
    both_say(document_of(kind, {}, labels={"team": "a/b"}, owner="ada"), sound=True)


@pytest.mark.parametrize(("kind", "spec"), UNSOUND)
def test_schema_and_parser_refuse_what_is_not(kind: str, spec: dict[str, Any]) -> None:
    both_say(document_of(kind, spec), sound=False)


@pytest.mark.parametrize("kind", SOUND)
def test_schema_and_parser_agree_about_the_frame(kind: str) -> None:
    sound = document_of(kind, {})
    changes: list[dict[str, Any]] = [
        {"apiVersion": "v1"},
        {"metadata": {"name": "A"}},
        {"metadata": {"name": "a" * 64}},
        {"metadata": {}},
        {"metadata": {"name": "a", "labels": {"-": "x"}}},
        {"metadata": {"name": "a", "labels": {"a": 1}}},
        {"metadata": {"name": "a", "labels": {"a": "x" * 257}}},
        {"metadata": {"name": "a", "owner": "x" * 121}},
        {"metadata": {"name": "a", "uid": "1"}},
        {"spec": None},
        {"status": {}},
    ]
    for change in changes:
        both_say(sound | change, sound=False)
    for name in ("apiVersion", "metadata", "spec"):
        both_say({key: value for key, value in sound.items() if key != name}, sound=False)
    for field in SOUND[kind]:
        if kind == "Model" or (kind, field) in {("ToolServer", "command"), ("Binding", "tools")}:
            continue  # what those need depends on their other fields, which is a rule and no type
        both_say(sound | {"spec": {key: value for key, value in SOUND[kind].items() if key != field}}, sound=False)
