"""What is wrong with a manifest is told by line, column and field; all of it at once."""

import pytest

from swarmstead.resources import texts
from swarmstead.resources.errors import ManifestRefused
from swarmstead.resources.manifests import parse
from swarmstead.wiring import KINDS
from tests.rooms.resources.helpers import agent, faults, manifest, places

HEAD = "apiVersion: swarmstead.dev/v1alpha1\n"


def only(text: str) -> tuple[int, int, str, str]:
    (fault,) = faults(text)
    return fault


# Text that is not YAML, or more than plain values --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("a: [1, 2\nb: 3\n", 2, 2, "expected ',' or ']'"),
        ("a: b: c\n", 1, 5, "mapping values are not allowed here"),
        ("a:\n\t- b\n", 2, 1, "cannot start any token"),
        ("a: 'open\n", 2, 1, "unexpected end of stream"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", 4, 3, "the key 'c' stands twice"),
        ("a: 1\n? [b]\n: 2\n", 2, 3, "a key must be text"),
        ("a: 1\n2: b\n", 2, 1, "a key must be text"),
        ("a: 1\nyes: b\n", 2, 1, "a key must be text"),
        ("a: &x 1\nb: *x\n", 2, 4, "aliases are not taken"),
        ("a:\n  - &x [*x]\n", 2, 9, "aliases are not taken"),
        ("a: !!binary aGk=\n", 1, 4, "tags are not taken"),
        ("a: !!python/object/apply:os.system [id]\n", 1, 4, "tags are not taken"),
        ("a: 1\nb: bell\a\n", 2, 8, "not YAML: the character '\\x07'"),
        ("a: nul\0\n", 1, 7, "not YAML: the character"),
        ("a: \ud800\n", 1, 4, "not YAML: the character"),
        ('a: "\\0"\n', 1, 4, "cannot be stored"),
        ('a: "\\ud800"\n', 1, 4, "cannot be stored"),
        ("a: .nan\n", 1, 4, "no number that JSON knows"),
        ("a: -.inf\n", 1, 4, "no number that JSON knows"),
        ("a: " + "1" * 5000 + "\n", 1, 4, "a number of 5000 characters"),
        ("a: %\n", 1, 4, "cannot start any token"),
        ('a: 1\nb: "x\\U00110000"\n', 2, 8, "an escape"),
        ('a: "\\UFFFFFFFF"\n', 1, 7, "an escape"),
        ('a: 1\n"\\UFFFFFFFF": 1\n', 2, 4, "an escape"),
        ("a: 1\nb: [0x_]\n", 2, 5, "0x_ is no number"),
        ("a: 0b_\n", 1, 4, "0b_ is no number"),
        ("%YAML 1." + "1" * 5000 + "\n---\na: 1\n", 1, 9, "a number that stands for nothing"),
    ],
)
def test_text_that_is_not_plain_yaml(text: str, line: int, column: int, message: str) -> None:
    found = only(text)
    assert found[:3] == (line, column, "")
    assert message in found[3]


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "---\n---\n"])
def test_text_without_a_document(text: str) -> None:
    assert only(text) == (1, 1, "", "there is no document in it")


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(BOMB, "aliases are not taken", id="a billion laughs"),
        pytest.param("[" * 10_000, "nested deeper than 64", id="brackets"),
        pytest.param("{a: " * 10_000, "nested deeper than 64", id="braces"),
        pytest.param("".join(" " * n + "-\n" for n in range(500)), "nested deeper than 64", id="indented"),
        pytest.param("? " * 10_000, "nested deeper than 64", id="keys of keys"),
        pytest.param("[" + "1," * 1_000 + "]", "more than 500 values", id="values"),
        pytest.param("---\n" * 1_000, "more than 500 values", id="documents"),
        pytest.param("# " + "x" * 1_048_576, "larger than 1048576 bytes", id="bytes"),
        pytest.param("é" * 524_289, "larger than 1048576 bytes", id="bytes of wide characters"),
    ],
)
def test_a_text_that_is_too_much_is_refused_in_time(monkeypatch: pytest.MonkeyPatch, text: str, message: str) -> None:
    monkeypatch.setattr(texts, "MAX_NODES", 500)
    assert message in only(text)[3]


def test_what_yaml_reads_oddly_is_text_here() -> None:
    """Numbers in base 60 (which would also cost the square of their length), dates, merge keys and a lone `=`."""
    for text in ("12:30", "1" + ":1" * 20_000, "2024-13-45", "2024-01-01", "=", "<<"):
        (document,) = parse(agent().replace("Help.", text), KINDS)
        assert document.spec.instructions == text


# Documents -----------------------------------------------------------------------------------------------------------


def test_what_is_no_document() -> None:
    assert only("- a\n- b\n")[:3] == (1, 1, "")
    assert only("--- just text\n")[:3] == (1, 5, "")


def test_every_missing_field_of_a_document_is_named() -> None:
    assert places("labels: {}\n") == [
        (1, 1, "apiVersion"),
        (1, 1, "kind"),
        (1, 1, "metadata"),
        (1, 1, "spec"),
        (1, 9, "labels"),
    ]


def test_an_unknown_version_kind_and_field() -> None:
    text = """\
        apiVersion: swarmstead.dev/v9
        kind: Robot
        metadata: {name: a}
        spec: {}
        status:
          phase: done
        """
    found = faults(text)
    assert [fault[:3] for fault in found] == [(1, 13, "apiVersion"), (2, 7, "kind"), (5, 1, "status")]
    assert (
        found[1][3]
        == "unknown kind 'Robot'; known are Agent, Binding, FeatureFlag, Model, Policy, Swarm, ToolServer, ToolSet"
    )


@pytest.mark.parametrize("kind", ["{}", "[Agent]", "7", "''", "agent", "'\\u0000'"])
def test_a_kind_that_is_none(kind: str) -> None:
    assert only(f"{HEAD}kind: {kind}\nmetadata: {{name: a}}\nspec: {{}}\n")[:3] == (2, 7, "kind")


@pytest.mark.parametrize(
    "name", ["''", "Upper", "a_b", "-a", "a-", "a.b", "ä", "a b", f"'{'a' * 64}'", "7", "true", "[a]", "null", '"a\\n"']
)
def test_a_name_that_is_none(name: str) -> None:
    text = agent().replace("name: helper", f"name: {name}")
    assert only(text)[:3] == (4, 9, "metadata.name")


@pytest.mark.parametrize("name", ["a", "7up", "a-b", "a--b", "a" * 63])
def test_a_name_that_is_one(name: str) -> None:
    assert parse(agent(name), KINDS)[0].metadata.name == name


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ("labels: text", "metadata.labels"),
        ("labels: []", "metadata.labels"),
        ("labels: {a: 7}", "metadata.labels.a"),
        ("labels: {a: yes}", "metadata.labels.a"),
        (f"labels: {{a: {'x' * 257}}}", "metadata.labels.a"),
        ("labels: {-a: b}", "metadata.labels.-a"),
        ("labels: {'': b}", "metadata.labels."),
        ("owner: 7", "metadata.owner"),
        ("owner: [ada]", "metadata.owner"),
        (f"owner: {'x' * 121}", "metadata.owner"),
        ("uid: 1", "metadata.uid"),
    ],
)
def test_metadata_that_is_not_right(metadata: str, field: str) -> None:
    text = agent().replace("  name: helper\n", f"  name: helper\n  {metadata}\n")
    line, _, found, _ = only(text)
    assert (line, found) == (5, field)


def test_metadata_that_is_no_mapping() -> None:
    assert only(f"{HEAD}kind: Agent\nmetadata: helper\nspec: {{instructions: x, model: m}}\n")[:3] == (
        3,
        11,
        "metadata",
    )


def test_empty_labels_and_owner_are_none() -> None:
    (document,) = parse(agent().replace("  name: helper\n", "  name: helper\n  labels:\n  owner:\n"), KINDS)
    assert (document.metadata.labels, document.metadata.owner) == ({}, "")


# Specs ---------------------------------------------------------------------------------------------------------------


def test_every_fault_of_a_spec_is_told_at_its_value_or_where_a_longer_one_begins() -> None:
    text = """\
        apiVersion: swarmstead.dev/v1alpha1
        kind: Agent
        metadata:
          name: Helper
        spec:
          instructions: 7
          description:
            - a list
          max_turns: 0
          modell: scripted
        """
    assert faults(text) == [
        (4, 9, "metadata.name", "must be 1 to 63 of a-z, 0-9 and '-', starting and ending with a letter or digit"),
        (5, 1, "spec.model", "this field is missing"),
        (6, 17, "spec.instructions", "must be text; quote it"),
        (7, 3, "spec.description", "must be text; quote it"),
        (9, 14, "spec.max_turns", "must be at least 1"),
        (10, 11, "spec.modell", "unknown field"),
    ]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "must be a mapping"),
        (" text", "must be a mapping"),
        (" []", "must be a mapping"),
    ],
)
def test_a_spec_that_is_no_mapping(spec: str, message: str) -> None:
    found = only(f"{HEAD}kind: Agent\nmetadata: {{name: a}}\nspec:{spec}\n")
    assert found == (4, 7 if spec else 6, "spec", message)


def test_a_text_that_is_too_long() -> None:
    assert only(agent(description="x" * 501))[2] == "spec.description"
    assert "at most 500" in only(agent(description="x" * 501))[3]


def test_faults_deep_inside_are_told_where_they_are() -> None:
    text = """\
        apiVersion: swarmstead.dev/v1alpha1
        kind: Swarm
        metadata: {name: review}
        spec:
          pattern: chain
          coordinator: a
          task: Go
          members: [b, 7, c]
          inputs:
            repo:
              type: folder
              default: [1]
              extra: 1
            other: text
          limits:
            max_agents: 1000
            budget: 1
        """
    found = faults(text)
    assert [fault[:3] for fault in found] == [
        (5, 12, "spec.pattern"),
        (8, 16, "spec.members.1"),
        (11, 13, "spec.inputs.repo.type"),
        (12, 16, "spec.inputs.repo.default"),
        (13, 14, "spec.inputs.repo.extra"),
        (14, 12, "spec.inputs.other"),
        (16, 17, "spec.limits.max_agents"),
        (17, 13, "spec.limits.budget"),
    ]
    assert found[3][3] == "must be text; quote it, or must be a whole number, or must be true or false"


@pytest.mark.parametrize(
    ("kind", "spec", "line", "field"),
    [
        # rules that write `limits.…`
        (
            "Swarm",
            "pattern: delegate\n  coordinator: a\n  task: x\n  limits:\n    budget_usd: cheap",
            9,
            "spec.limits.budget_usd",
        ),
        ("Swarm", "pattern: delegate\n  coordinator: a\n  members: [a]\n  task: x", 7, "spec.members"),
        ("ToolServer", "transport: stdio", 4, "spec.command"),
        ("ToolServer", "transport: http\n  url: ftp://x", 6, "spec.url"),
        # rules that write `spec.limits.…`
        ("Model", "provider: ollama", 4, "spec.model"),
        ("Model", "provider: ollama\n  model: m\n  base_url: nowhere", 7, "spec.base_url"),
        (
            "Model",
            "provider: scripted\n  script:\n    a:\n      - say: x\n      - say: '{{ x'",
            9,
            "spec.script.a.1.say",
        ),
        ("Model", "provider: scripted\n  script:\n    a.b: [{say: '{{ x'}]", 6, "spec.script.a.b.0.say"),
        ("Model", "provider: scripted\n  script:\n    ²: []", 7, "spec.script.²"),
    ],
)
def test_what_a_kinds_own_rules_refuse_is_told_at_its_field(kind: str, spec: str, line: int, field: str) -> None:
    found = only(f"{HEAD}kind: {kind}\nmetadata: {{name: a}}\nspec:\n  {spec}\n")
    assert (found[0], found[2]) == (line, field)


def test_a_pasted_key_is_not_repeated() -> None:
    spec = {"provider": "openai", "model": "m", "api_key": "sk-proj-canary-0123456789"}
    with pytest.raises(ManifestRefused) as caught:
        parse(manifest("Model", "a", spec), KINDS)
    assert "canary" not in f"{caught.value.problem()}"
    assert caught.value.field == "spec.api_key"


# Several documents ---------------------------------------------------------------------------------------------------


def test_the_faults_of_all_documents_are_told_together() -> None:
    text = "---\n".join([agent("a", max_turns=0), agent("b"), agent("B"), agent("b"), "a: [\n"])
    assert places(text) == [
        (8, 14, "spec.max_turns"),
        (21, 9, "metadata.name"),
        (29, 9, "metadata.name"),
        (35, 1, ""),
    ]


def test_a_refusal_is_a_problem_that_a_program_can_read() -> None:
    with pytest.raises(ManifestRefused) as caught:
        parse(agent("A", max_turns=0), KINDS, "team.yaml")
    problem = caught.value.problem()
    assert (problem["status"], problem["code"], problem["field"]) == (422, "manifest_refused", "metadata.name")
    assert problem["errors"] == [
        {
            "file": "team.yaml",
            "line": 4,
            "column": 9,
            "field": "metadata.name",
            "message": caught.value.errors[0].message,
        },
        {
            "file": "team.yaml",
            "line": 8,
            "column": 14,
            "field": "spec.max_turns",
            "message": caught.value.errors[1].message,
        },
    ]
    assert str(caught.value.errors[1]).startswith("team.yaml:8:14: spec.max_turns: ")
    assert "team.yaml:4:9" in caught.value.message


def test_a_flood_of_faults_is_cut_short() -> None:
    found = faults(manifest("Agent", "a", {f"field{n}": n for n in range(300)}))
    assert len(found) == 100
