"""What needs no server: words, tables, files of manifests, contexts, event streams."""

import io
import json
import os
import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from swarmstead.doors.cli import context, manifests, output, resources, up, watch, words
from swarmstead.doors.cli.client import Refused, ServerCutOff, checked_address, parse_events, part
from swarmstead.doors.cli.inbox import how_to_decide
from swarmstead.doors.cli.launches import wish
from swarmstead.doors.cli.options import connect, pairs
from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.plain import UNSEEN
from swarmstead.resources.contract import API_VERSION
from swarmstead.resources.manifests import dump, parse
from swarmstead.settings import load
from swarmstead.wiring import KINDS


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_table_without_rows_is_its_head(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(["NAME", "N"], [])
    output.table([], [])
    assert capsys.readouterr().out == "NAME  N\n\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.052, "52 ms"),
        (1.2378, "1.24 s"),
        (15, "15 s"),
        (185.0, "3 m 05 s"),
        (7440.0, "2 h 04 m"),
        (266_400, "3 d 02 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


def test_digests_are_short_enough_to_read_and_long_enough_to_name() -> None:
    assert words.short("sha256:0123456789abcdef0123") == "0123456789ab"


def test_nothing_that_an_agent_writes_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "ok\x1b[2J\x1b]0;owned\x07 \u202egpj.exe\u2066 \x9b31m\r"
    assert output.visible(hostile) == "ok\\u001b[2J\\u001b]0;owned\\u0007 \\u202egpj.exe\\u2066 \\u009b31m\\u000d"
    output.table(["A\n"], [[hostile]])
    output.facts({"name": hostile})
    output.coloured_diff([("+", hostile)])
    output.dump({"name": hostile}, "json")
    printed = capsys.readouterr().out
    assert not set(printed) & set("\x1b\x07\x9b\r\u202e\u2066")
    assert json.loads(printed[printed.index("{") :]) == {"name": hostile}


def test_what_cannot_be_seen_is_escaped_in_json_beyond_four_digits_too(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = {"note": "Sum.\U000e0049\U000e0067 \u2764\ufe0f"}
    output.dump(hostile, "json")
    printed = capsys.readouterr().out
    assert re.search(UNSEEN, printed) is None
    assert "\\udb40\\udc49" in printed
    assert json.loads(printed) == hostile
    assert output.visible(hostile["note"]) == "Sum.\\U000e0049\\U000e0067 \u2764\ufe0f"


def test_what_cannot_be_seen_is_escaped_in_yaml_and_reads_back_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = {
        "spec": {
            "instructions": "Be\u200b good.\n\u202eelif yna eteleD\n",
            "plain": "ü\n- two\n",
            "zero\u200bwidth": "k",
        },
        "long": "\u00adword " * 60,
        "tags": "Sum.\U000e0049\U000e0067 \u2764\ufe0f\u200d\U0001f525 x\ufe0f \ud83d",
        "others": ["\x1b[2J", "\u2028", "\x85", "\ufeff", "it's", "\\u202e"],
    }
    output.dump(hostile, "yaml")
    printed = capsys.readouterr().out
    assert re.search(UNSEEN, printed) is None
    assert "\\u202eelif" in printed
    assert yaml.safe_load(printed) == hostile


def test_a_manifest_with_unseen_characters_can_be_taken_back(capsys: pytest.CaptureFixture[str]) -> None:
    spec = {"instructions": "Do it.\u202e\nNow.\n", "model": "default"}
    text = yaml.safe_dump({"apiVersion": API_VERSION, "kind": "Agent", "metadata": {"name": "a"}, "spec": spec})
    (document,) = parse(text, KINDS)
    output.document(dump(document))
    printed = capsys.readouterr().out
    assert "\u202e" not in printed
    assert parse(printed, KINDS)[0].digest == document.digest


def test_a_table_is_aligned_and_fits_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [["r_1", "running", "x" * 200], ["r_2345", "failed", "short"]]
    screen = _Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("COLUMNS", "60")
    output.table(["RUN", "STATUS", "WHAT"], rows)
    lines = [click.unstyle(line) for line in screen.getvalue().splitlines()]
    assert {len(line) for line in lines[:2]} <= set(range(61))
    assert [line.index(word) for line, word in zip(lines, ("STATUS", "running", "failed"), strict=True)] == [8, 8, 8]
    assert lines[1].endswith("…")


def test_a_table_for_a_program_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(["WHAT"], [["x" * 500], [None], [7]])
    assert capsys.readouterr().out.splitlines() == ["WHAT", "x" * 500, "", "7"]
    assert output.digest_cell("sha256:0123456789abcdef") == "sha256:0123456789abcdef"


def test_kinds_are_those_of_the_server_in_any_case_and_number() -> None:
    assert set(resources.KINDS) == set(KINDS)
    assert [resources.kind_of(text) for text in ("agents", "tool-server", "MODEL")] == ["Agent", "ToolServer", "Model"]
    with pytest.raises(BadInput, match="no kind 'flow'"):
        resources.kind_of("flow")


def test_pairs() -> None:
    assert pairs(("a=1", "b=x=y", "c="), "--input", "NAME=VALUE") == {"a": "1", "b": "x=y", "c": ""}
    for wrong in (("a",), ("=1",), ("a=1", "a=2")):
        with pytest.raises(BadInput, match="--input"):
            pairs(wrong, "--input", "NAME=VALUE")


def test_manifests_of_a_folder_are_one_text_and_faults_find_their_file(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text("# comment\n---\nkind: B\n...")
    (tmp_path / "a.yaml").write_text("kind: A\nspec:\n  x: 1")
    (tmp_path / "c.yaml").write_text("kind: C\n")
    (tmp_path / "notes.txt").write_text("not YAML")
    sources = manifests.read_all([str(tmp_path)])
    text = manifests.joined(sources)
    lines = text.splitlines()
    assert [Path(source.name).name for source in sources] == ["a.yaml", "b.yml", "c.yaml"]
    assert [lines[source.first_line - 1] for source in sources] == ["kind: A", "# comment", "kind: C"]
    documents = yaml.safe_load_all(text)
    assert [one["kind"] for one in documents if one] == ["A", "B", "C"]

    class Refusing:
        def post_yaml(self, *_: object, **__: object) -> None:
            fault = {"line": lines.index("kind: B") + 1, "column": 7, "field": "kind", "message": "unknown"}
            raise Refused(422, {"code": "manifest_refused", "errors": [fault], "way_out": "Mend it."})

    with pytest.raises(BadInput) as refused:
        manifests.apply(Refusing(), sources)  # pyright: ignore[reportArgumentType] - as much of a Client as it calls
    assert refused.value.message.endswith(f"\n  {tmp_path / 'b.yml'}:3:7: kind: unknown")


@pytest.mark.parametrize(("make", "part_"), [(None, "cannot be read"), ("folder", "no .yaml"), (b"\n\xff", ":2:")])
def test_manifests_that_cannot_be_read(tmp_path: Path, make: bytes | str | None, part_: str) -> None:
    path = tmp_path / "x.yaml"
    if make == "folder":
        path.mkdir()
    elif isinstance(make, bytes):
        path.write_bytes(make)
    with pytest.raises(BadInput, match=part_):
        manifests.read_all([str(path)])


def test_a_stream_of_events() -> None:
    lines = [b"event: hello\n", b'data: {"seq": 3}\n', b"\n", b": beat\n", b"\n", b"id: 4\n", b"event: run.started\n"]
    lines += [b'data: {"seq": 4,\n', b'data:  "x": "\xc3\xa4"}\r\n', b"\r\n", b"id: 5\n"]
    found = list(parse_events(lines))
    assert [(event.seq, event.kind) for event in found] == [(0, "hello"), (0, "beat"), (4, "run.started")]
    assert found[2].data == {"seq": 4, "x": "ä"}
    with pytest.raises(ServerCutOff):
        list(parse_events([b"data: {\n", b"\n"]))


def test_addresses() -> None:
    assert checked_address(" 127.0.0.1:8700/ ") == "http://127.0.0.1:8700"
    assert checked_address("https://Stead.Example/base/") == "https://Stead.Example/base"
    for wrong in ("ftp://x", "http://", "http://user:pw@x", "http://x:0", "http://x:99999", "http://x?a=b"):
        with pytest.raises(BadInput, match="address must be"):
            checked_address(wrong)


def test_parts_of_a_path_cannot_leave_it() -> None:
    assert part("a/b?c") == "a%2Fb%3Fc"
    with pytest.raises(BadInput, match="empty"):
        part(" ")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("STEAD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "swarmstead" / "context.json"


def test_a_key_stays_with_its_data_and_never_goes_to_other_data(config: Path) -> None:
    contexts = context.Contexts()
    assert contexts.started("http://127.0.0.1:1", "one", "key-one")
    assert contexts.started("http://127.0.0.1:2", "two", "key-two")
    context.save(contexts)
    contexts = context.load()
    assert (contexts.current, contexts.key_for("http://localhost:1")) == ("http://127.0.0.1:2", "key-one")
    assert contexts.started("http://127.0.0.1:3", "one")  # the same data on another port
    assert (contexts.key_for("http://127.0.0.1:1"), contexts.key_for("http://127.0.0.1:3")) == ("", "key-one")
    assert not contexts.started("http://127.0.0.1:2", "three")  # other data on a known port
    assert contexts.key_for("http://127.0.0.1:2") == ""
    assert config.stat().st_mode & 0o777 == 0o600


def test_server_and_key_by_option_environment_and_context(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connect().address == context.DEFAULT_ADDRESS
    contexts = context.Contexts()
    contexts.started("http://127.0.0.1:1", "one", "saved")
    context.save(contexts)
    assert connect().address == "http://127.0.0.1:1"
    monkeypatch.setenv("STEAD_SERVER", "127.0.0.1:2")
    assert connect().address == "http://127.0.0.1:2"
    assert connect("127.0.0.1:3").address == "http://127.0.0.1:3"
    config.write_text("{damaged")
    with pytest.raises(BadInput, match="damaged"):
        connect()
    monkeypatch.setenv("STEAD_KEY", "from-the-environment")
    assert connect().address == "http://127.0.0.1:2"  # nothing saved is needed, so nothing saved is read
    (tmp_path / "key").write_text("a key\nof two lines\n")
    with pytest.raises(BadInput, match="holds something"):
        connect(key_file=tmp_path / "key")
    (tmp_path / "key").write_text("\n")
    with pytest.raises(BadInput, match="holds no key"):
        connect(key_file=tmp_path / "key")
    with pytest.raises(BadInput, match="cannot be read"):
        connect(key_file=tmp_path / "nowhere")


def test_a_context_that_cannot_be_written_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    said = up.remembered(load({}, data=tmp_path), "http://127.0.0.1:1", "key")
    assert "cannot be written" in said


class _Declared:
    """A server that declares one swarm with an input of every type."""

    is_here = True

    def get(self, _path: str) -> object:
        types = {"n": "number", "b": "boolean", "t": "text", "r": "repository"}
        return {"spec": {"inputs": {name: {"type": type_} for name, type_ in types.items()}}}


def _wish(*inputs: str, budget: str = "") -> object:
    return wish(_Declared(), "s", inputs, ("a=m",), budget, "dev")  # pyright: ignore[reportArgumentType]


def test_inputs_become_what_the_swarm_declares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert _wish("n=3", "b=yes", "t=7", "r=x", budget="0.5") == {
        "swarm": "s",
        "input": {"n": 3, "b": True, "t": "7", "r": str(tmp_path / "x")},
        "overrides": {"models": {"a": "m"}, "budget_usd": "0.5"},
        "environment": "dev",
    }
    for wrong, field in (("n=many", "n"), ("n=nan", "n"), ("b=maybe", "b")):
        with pytest.raises(BadInput, match=f"input '{field}' must be"):
            _wish(wrong)
    with pytest.raises(BadInput, match="s has no input 'speed'; it has n, b, t, r"):
        _wish("speed=1")
    with pytest.raises(BadInput, match="--input r is empty"):
        _wish("r=")
    with pytest.raises(BadInput, match="--budget"):
        _wish(budget="much")


def test_a_status_cannot_speak_to_the_terminal() -> None:
    assert output.painted("do\x1b]0;ne") == "do\\u001b]0;ne"


def test_a_question_about_an_unknown_outcome_says_what_either_answer_does() -> None:
    question = {"id": "ap_1", "kind": "outcome", "hash": "sha256:0"}
    told = how_to_decide(question)
    assert "look at the target first" in told
    assert "Approved, it is run again" in told
    assert "Denied, it is not repeated. The run goes on." in told
    assert how_to_decide(question | {"kind": "plan"}).startswith("\nApprove: stead inbox approve ap_1\n")


@pytest.mark.parametrize(("unknown", "said"), [(0, ""), (1, "1 call whose"), (2, "2 calls whose")])
def test_a_run_says_which_of_its_calls_may_have_happened(
    capsys: pytest.CaptureFixture[str], unknown: int, said: str
) -> None:
    numbers = ("denied", "pending_approvals", "spent_micros", "budget_micros")
    texts = ("status_reason", "result", "created_at", "started_at", "finished_at", "error")
    found: dict[str, Any] = {**dict.fromkeys(numbers, 0), **dict.fromkeys(texts)}
    watch.outcome(found | {"id": "r_1", "swarm": "s", "status": "cancelled", "model_kinds": [], "unknown": unknown})
    shown = capsys.readouterr().out
    assert ("in doubt" in shown) == bool(unknown)
    assert said in shown
