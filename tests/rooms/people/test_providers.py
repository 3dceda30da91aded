"""The operator's file of identity providers: faults by line, and the last good one while it is wrong."""

import logging
import os
import re
from pathlib import Path

import pytest

from swarmstead.kernel.errors import BadInput
from swarmstead.people.contract import IdentityProviderSpec
from swarmstead.people.providers import ProviderFile
from swarmstead.resources.manifests import parse
from swarmstead.wiring import OPERATOR_KINDS
from tests.architecture.tree import read

_ONE = """
apiVersion: swarmstead.dev/v1alpha1
kind: IdentityProvider
metadata: {name: NAME}
spec: {issuer: https://issuer.example, audience: AUDIENCE, tenant: acme}
"""


def parsed(text: str, name: str) -> dict[str, IdentityProviderSpec]:
    return {one.metadata.name: one.spec for one in parse(text, OPERATOR_KINDS, name)}


def write(path: Path, *pairs: tuple[str, str], at: int) -> None:
    """Write providers with these names and audiences; `at` is when the file says it was changed."""
    path.write_text("---".join(_ONE.replace("NAME", name).replace("AUDIENCE", audience) for name, audience in pairs))
    os.utime(path, (at, at))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "providers.yaml"
    write(path, ("corp", "stead"), at=1)
    return path


def test_it_is_read_and_read_again_when_it_changes(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = ProviderFile(path, parsed)
    assert list(file.load()) == ["corp"]
    assert file.changed() is None
    write(path, ("corp", "stead"), ("ci", "ci"), at=2)
    with caplog.at_level(logging.INFO):
        found = file.changed()
    assert found is not None
    assert list(found) == ["corp", "ci"]
    assert "ci, corp" in caplog.text
    assert file.changed() is None


def test_a_file_that_went_wrong_changes_nothing_and_is_told_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = ProviderFile(path, parsed)
    file.load()
    path.write_text("kind: [")
    assert file.changed() is None
    assert file.changed() is None
    assert caplog.text.count("stay as they were") == 1
    assert f"{path}:1:" in caplog.text
    path.unlink()
    assert file.changed() is None
    assert file.changed() is None
    write(path, ("corp", "other"), at=3)
    assert file.changed() is not None


def test_two_that_mean_the_same_tokens(path: Path) -> None:
    write(path, ("corp", "stead"), ("copy", "stead"), at=2)
    with pytest.raises(BadInput, match="corp and copy have the same issuer and audience") as caught:
        ProviderFile(path, parsed).load()
    assert caught.value.field == "STEAD_IDENTITY_PROVIDERS"


def test_the_example_of_the_docs_is_one(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", read("docs/rooms/people.md"), re.MULTILINE | re.DOTALL)
    (tmp_path / "example.yaml").write_text(block)
    assert list(ProviderFile(tmp_path / "example.yaml", parsed).load()) == ["corp"]


def test_no_file_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        ProviderFile(tmp_path / "nowhere.yaml", parsed).load()
    (tmp_path / "noise").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="not UTF-8"):
        ProviderFile(tmp_path / "noise", parsed).load()
    (tmp_path / "empty").write_text("")
    with pytest.raises(BadInput, match="no document"):
        ProviderFile(tmp_path / "empty", parsed).load()
