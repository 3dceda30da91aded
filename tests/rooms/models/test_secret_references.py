"""References to secrets: resolved when used; errors name the reference, never a value."""

import os
import traceback
from pathlib import Path

import pytest

from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.secrets import SecretMissing, is_reference, resolve_reference

CANARY = "canary-0123456789"


def test_a_variable_and_a_file_are_read_at_the_moment_of_use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FAKE_KEY", "first")
    assert resolve_reference("env:FAKE_KEY") == "first"
    monkeypatch.setenv("FAKE_KEY", "second\n")
    assert resolve_reference("env:FAKE_KEY") == "second"
    file = tmp_path / "key"
    file.write_text("third\n")
    assert resolve_reference(f"file:{file}") == "third"


@pytest.mark.parametrize(
    "ref", ["", CANARY, f"ENV:{CANARY}", "env:", f"env:{CANARY}", "env:A B", f"file:{CANARY}", f"file:/a\n{CANARY}"]
)
def test_what_is_no_reference_is_refused_without_repeating_it(ref: str) -> None:
    assert not is_reference(ref)
    with pytest.raises(BadInput) as caught:
        resolve_reference(ref)
    assert caught.value.code == "secret_reference_wrong"
    assert CANARY not in repr(caught.value.problem())


def test_a_missing_secret_names_the_reference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FAKE_KEY", "  ")
    for ref in ("env:FAKE_KEY", "env:NO_SUCH_VARIABLE_HERE", f"file:{tmp_path}/nothing", f"file:{tmp_path}"):
        assert is_reference(ref)
        with pytest.raises(SecretMissing) as caught:
            resolve_reference(ref)
        assert ref in caught.value.message
        assert caught.value.way_out


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff" + CANARY.encode(), CANARY.encode() * 10_000])
def test_an_unusable_file_is_never_quoted(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(SecretMissing) as caught:
        resolve_reference(f"file:{file}")
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SecretMissing, match="no regular file"):
        resolve_reference(f"file:{tmp_path}/pipe")


@pytest.mark.parametrize("path", ["/proc/self/environ", "/proc/../proc/self/environ", "LINK"])
def test_the_process_itself_is_no_file(tmp_path: Path, path: str) -> None:
    (tmp_path / "link").symlink_to("/proc/self/environ")
    with pytest.raises(SecretMissing, match="no file of its own"):
        resolve_reference(f"file:{path.replace('LINK', str(tmp_path / 'link'))}")


@pytest.mark.parametrize("name", ["STEAD_BOOTSTRAP_KEY", "STEAD_DATABASE_URL", "stead_key"])
def test_the_servers_own_settings_are_sent_to_nobody(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, CANARY)
    with pytest.raises(SecretMissing, match="a setting of the server itself") as caught:
        resolve_reference(f"env:{name}")
    assert CANARY not in repr(caught.value.problem())
