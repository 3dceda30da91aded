"""The main job from a terminal: start the sample on a real repository, read what it wants to write, approve it."""

import json
import os
import pty
import re
import signal
import subprocess
import threading
from pathlib import Path
from typing import IO

from tests.doors.cli.conftest import Call
from tests.doors.cli.helpers import STEAD, Server, environment, make_repository, stead, up

_WAITS = 3


def _started(call: Call, repository: Path, *options: str) -> str:
    done = call("run", "start", "repo-review", "--input", f"repo={repository}", "--yes", "-o", "json", *options)
    assert done.code == 0, done
    return done.json["id"]


def _waiting(call: Call, run: str) -> dict[str, str]:
    assert call("run", "watch", run, "--until-waiting").code == _WAITS
    (found,) = call("inbox", "list", "--run", run, "-o", "json").json["items"]
    return found


def _asked_anew(call: Call, run: str) -> dict[str, str]:
    """The next question of a run whose last one was just decided; its loop may still be on its way to it."""
    for _ in range(100):
        found: list[dict[str, str]] = call("inbox", "list", "--run", run, "-o", "json").json["items"]
        if found:
            return found[0]
        call("run", "watch", run, "--until-waiting")
    raise AssertionError("nothing was asked")


def test_from_start_to_the_approved_file_as_separate_processes(server: Server, repository: Path) -> None:
    def run(*arguments: str) -> str:
        done = stead(server.home, *arguments, cwd=repository.parent)
        assert done.code == 0, done
        return done.out

    # A relative path is the caller's, who stands in another folder than the server.
    said = run("run", "start", "repo-review", "--input", f"repo={repository.name}", "--yes")
    assert "Asks a person\nreport/write by reviewer" in said
    id_ = re.search(r"stead run watch (\S+)", said)
    assert id_
    watched = stead(server.home, "run", "watch", id_[1], "--until-waiting")
    assert watched.code == _WAITS, watched
    approval = re.search(r"stead inbox show (\S+)", watched.out)
    assert approval
    shown = run("inbox", "show", approval[1])
    assert "Create REVIEW.md (" in shown
    assert re.search(r"^model +scripted$", shown, re.MULTILINE)  # every view says which kind of model answered
    assert re.search(r"MODEL.*\n.*\bscripted\b", run("inbox", "list"))
    assert "\n+# Review of " in shown
    hash_ = re.search(r"sha256:[0-9a-f]{64}", shown)
    assert hash_
    assert not (repository / "REVIEW.md").exists()
    assert "approved" in run("inbox", "approve", approval[1], "--yes", "--hash", hash_[0])
    ended = run("run", "watch", id_[1])
    assert "run finished succeeded" in ended
    text = (repository / "REVIEW.md").read_text()
    assert text.startswith("# Review of ")
    assert re.search(r"[^\n]\n\Z", text)  # the last line ends, and no empty one follows
    assert "report/write" in run("run", "show", id_[1])
    status = run("mcp", "status")
    assert re.search(r"^SERVER +IN FLIGHT +QUEUED +BREAKER", status, re.MULTILINE)
    assert re.search(r"^git +0 +0 +closed", status, re.MULTILINE)


def test_approving_on_a_terminal_shows_the_payload_and_asks(server: Server, call: Call, repository: Path) -> None:
    run = _started(call, repository)
    found = _waiting(call, run)
    refused, _ = _on_a_terminal(server, b"n\n", "inbox", "approve", found["id"])
    assert refused != 0
    assert call("inbox", "show", found["id"], "-o", "json").json["status"] == "pending"
    code, screen = _on_a_terminal(server, b"y\n", "inbox", "approve", found["id"])
    assert code == 0
    assert screen.index("# Review of ") < screen.index("Approve exactly this?")
    code, screen = _on_a_terminal(server, b"", "run", "watch", run)
    assert code == 0
    assert "\x1b[32msucceeded\x1b[0m" in screen  # colour, and below the lines how it stands
    assert "agents at work" in screen
    assert (repository / "REVIEW.md").exists()


def test_the_readmes_lines_can_be_run_one_after_the_other(server: Server, call: Call, repository: Path) -> None:
    text = (Path(__file__).parents[3] / "README.md").read_text()
    block = text.partition("The same from a terminal:\n\n```\n")[2].partition("\n```")[0]
    lines = [line.removeprefix(".venv/bin/stead ").split() for line in block.splitlines()]
    assert len(lines) == 3
    asked = ""
    for line in lines:
        arguments = [part.replace("PATH", str(repository)) if "=" in part else part for part in line]
        arguments = [asked if part == "ID" else part for part in arguments]
        code, screen = _on_a_terminal(server, b"y\n", *arguments)
        assert code in (0, _WAITS), screen
        if found := re.search(r"stead inbox show (\S+)", screen):
            asked = found[1]
    assert call("inbox", "show", asked, "-o", "json").json["status"] == "approved"


def test_starting_on_a_terminal_shows_the_plan_and_asks(server: Server, call: Call, repository: Path) -> None:
    before = len(call("run", "list", "-o", "json").json["items"])
    code, screen = _on_a_terminal(server, b"n\n", "run", "start", "repo-review", "--input", f"repo={repository}")
    assert code != 0
    assert screen.index("Asks a person") < screen.index("Launch this?")
    assert len(call("run", "list", "-o", "json").json["items"]) == before


def test_denying_needs_a_reason_that_the_agent_is_told(call: Call, repository: Path) -> None:
    run = _started(call, repository)
    found = _waiting(call, run)
    call("inbox", "deny", found["id"]).refused("A denial needs a reason", "--reason")
    assert call("inbox", "deny", found["id"], "--reason", "Not today").code == 0
    ended = call("run", "watch", run)
    assert "denied by key:" in ended.out
    assert "Not today" in ended.out
    assert not (repository / "REVIEW.md").exists()
    rows = [line.split() for line in call("run", "list").out.splitlines()]
    denied = rows[0].index("DENIED")
    assert [row[denied] for row in rows if row[0] == run] == ["1"]
    assert re.search(r"^denied +1 call$", call("run", "show", run).out, re.MULTILINE)
    call("inbox", "approve", found["id"], "--yes", "--hash", found["hash"]).refused("denied already", "stead run show")


def test_a_question_is_looked_at_again_when_it_is_shown(call: Call, repository: Path) -> None:
    run = _started(call, repository)
    found = _waiting(call, run)
    shown = call("inbox", "show", found["id"])
    assert "Looked at again just now: it would still do exactly this." in shown.out
    (repository / "REVIEW.md").write_text("somebody's own notes\n")
    shown = call("inbox", "show", found["id"])
    assert "CHANGED since it was asked" in shown.out
    assert "-somebody's own notes" in shown.out
    assert call("inbox", "show", found["id"], "-o", "json").json["hash"] == found["hash"]
    assert call("inbox", "approve", found["id"], "--yes", "--hash", found["hash"]).code == 0
    again = _asked_anew(call, run)
    assert (again["id"] != found["id"], again["hash"] != found["hash"]) == (True, True)
    assert (repository / "REVIEW.md").read_text() == "somebody's own notes\n"
    assert call("inbox", "deny", again["id"], "--reason", "Keep the notes").code == 0
    closed = call("inbox", "show", found["id"])
    assert "Looked at again" not in closed.out
    assert "CHANGED" not in closed.out


def test_a_files_name_does_not_break_the_tables_of_the_report(call: Call, repository: Path) -> None:
    home = make_repository(repository.parent / "odd")
    (home / "odd\nname|of `it`.txt").write_text("x" * 50_000)
    for arguments in (
        ["add", "."],
        ["-c", "user.name=T", "-c", "user.email=t@example.invalid", "commit", "-qm", "Odd"],
    ):
        subprocess.run(["git", "-C", str(home), *arguments], check=True)
    found = _waiting(call, _started(call, home))
    report = call("inbox", "show", found["id"], "-o", "json").json["effect"]["after"]
    rows = [line for line in report.splitlines() if "name/of" in line]
    assert rows
    assert all(re.fullmatch(r"\| `odd name/of 'it'\.txt` (\| [\d.]+ )+\|", row) for row in rows), rows
    assert call("inbox", "deny", found["id"], "--reason", "Seen").code == 0


def test_a_question_whose_tool_was_set_aside_says_so(call: Call, repository: Path) -> None:
    run = _started(call, repository)
    found = _waiting(call, run)
    assert "cannot be done" not in call("inbox", "show", found["id"]).out
    call("mcp", "quarantine", "report", "write", "--reason", "It writes too much.")
    try:
        shown = call("inbox", "show", found["id"]).out
    finally:
        call("mcp", "release", "report", "write")
    assert "It cannot be done as things stand" in shown
    assert "The tool is quarantined" in shown
    assert call("inbox", "deny", found["id"], "--reason", "Set aside").code == 0


def test_a_script_says_what_it_approves(call: Call, repository: Path) -> None:
    run = _started(call, repository)
    found = _waiting(call, run)
    call("inbox", "approve", found["id"], "--yes").refused("--hash is missing", "stead inbox show")
    call("inbox", "approve", found["id"]).refused("nobody to show the payload to", "--hash")
    call("inbox", "approve", found["id"], "-o", "json").refused("nobody to show the payload to")
    call("inbox", "approve", found["id"], "--yes", "--hash", "sha256:0").refused("Nothing was decided")
    assert call("inbox", "show", found["id"], "-o", "json").json["status"] == "pending"
    done = call("run", "cancel", run, "--reason", "enough was seen")
    assert done.code == 0
    ended = call("run", "watch", run)
    assert ended.code == 1
    assert "cancel was asked for by key:" in ended.out
    assert "enough was seen" in ended.out


def test_a_long_history_is_reported_as_far_as_it_was_seen(call: Call, repository: Path) -> None:
    """Two hundred commits with long subjects are more text than a model is given: cut, they are data still."""
    who = "committer A Person Of Some Name <a.person.of.some.name@department.example.org>"
    commits = "".join(
        f"commit refs/heads/main\n{who} {1_700_000_000 + n} +0000\ndata 350\n{str(n).rjust(350, 'x')}\n"
        + ("from refs/heads/main^0\n" if n == 0 else "")
        for n in range(220)
    )
    subprocess.run(["git", "-C", repository, "fast-import", "--quiet"], input=commits.encode(), check=True)
    shown = call("inbox", "show", _waiting(call, _started(call, repository))["id"])
    newest = re.search(r"The newest (\d+) commits of more reach", shown.out)
    assert newest, shown.out
    assert 50 < int(newest[1]) < 200
    assert "fails at turn" not in shown.out


def test_pause_resume_and_what_is_refused(call: Call, repository: Path) -> None:
    run = _started(call, repository)
    _waiting(call, run)
    assert call("run", "pause", run).code == 0
    assert call("run", "resume", run, "-o", "json").json["kind"] == "resume"
    call("run", "resume", run).refused("way out")
    assert call("run", "cancel", run).code == 0
    assert call("run", "watch", run).code == 1
    call("run", "cancel", run).refused("way out")


def test_watching_as_json_gives_one_event_a_line(call: Call, repository: Path) -> None:
    run = _started(call, repository)
    done = call("run", "watch", run, "--until-waiting", "-o", "json")
    events = [json.loads(line) for line in done.out.splitlines()]
    assert [event["seq"] for event in events] == sorted(event["seq"] for event in events)
    assert events[0]["kind"] == "run.queued"
    assert call("run", "cancel", run).code == 0


def test_watching_goes_on_when_the_server_was_killed_and_started_again(tmp_path: Path) -> None:
    data, repository = tmp_path / "data", make_repository(tmp_path / "repo")
    with up(tmp_path, data) as first:
        port = first.address.rpartition(":")[2]
        said = stead(tmp_path, "run", "start", "repo-review", "--input", f"repo={repository}", "-o", "json")
        run = said.json["id"]
        assert stead(tmp_path, "run", "watch", run, "--until-waiting").code == _WAITS
        watching = subprocess.Popen(
            [STEAD, "run", "watch", run],
            env=environment(tmp_path, PYTHONUNBUFFERED="1"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert watching.stdout is not None
        assert watching.stderr is not None
        seen = [_until(watching.stdout, "waiting for a person")]
        first.process.send_signal(signal.SIGKILL)
        assert "connection lost" in watching.stderr.readline()
        first.process.wait(30)
    with up(tmp_path, data, "--port", port):
        (found,) = stead(tmp_path, "inbox", "list", "-o", "json").json["items"]
        assert stead(tmp_path, "inbox", "approve", found["id"], "--yes", "--hash", found["hash"]).code == 0
        rest, told = watching.communicate(timeout=60)
    assert watching.returncode == 0, told
    assert "connected again" in told
    assert (repository / "REVIEW.md").exists()
    lines = "".join([*seen, rest]).splitlines()
    assert sum("run queued" in line for line in lines) == 1  # nothing is told twice
    assert "run finished succeeded" in rest


def test_ctrl_c_ends_the_watching_and_not_the_run(server: Server, call: Call, repository: Path) -> None:
    run = _started(call, repository)
    _waiting(call, run)
    watching = subprocess.Popen(
        [STEAD, "run", "watch", run],
        env=environment(server.home, PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    _until(watching.stdout, "waiting for a person")
    watching.send_signal(signal.SIGINT)
    _, told = watching.communicate(timeout=30)
    assert watching.returncode == 130
    assert "The run goes on." in told
    assert f"stead run cancel {run}" in told
    assert call("run", "show", run, "-o", "json").json["status"] == "waiting"
    assert call("run", "cancel", run).code == 0


def _until(stream: IO[str], text: str) -> str:
    seen = ""
    for line in stream:
        seen += line
        if text in line:
            return seen
    raise AssertionError(seen)


def _on_a_terminal(server: Server, typed: bytes, *arguments: str) -> tuple[int, str]:
    """Run a command on a pseudo-terminal that somebody types into; answers its exit code and its screen."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [STEAD, *arguments], env=environment(server.home), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    screen = bytearray()

    def read() -> None:
        while True:
            try:
                piece = os.read(ours, 65_536)
            except OSError:  # how Linux says that the other side is closed
                return
            if not piece:
                return
            screen.extend(piece)

    reader = threading.Thread(target=read)
    reader.start()
    if typed:
        os.write(ours, typed)
    code = process.wait(60)
    reader.join(30)
    os.close(ours)
    return code, screen.decode(errors="replace")
