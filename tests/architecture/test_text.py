"""What is committed says nothing of the machine it was written on, and locks name no host."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, files, none_of, read, text_files

# Names of registries' hosts, and paths of checkouts; spelt so that this file does not name them itself.
_HOSTS = re.compile(r"registry\.(npmjs|yarnpkg)|npmmirro[r]|pypi\.org|pythonhoste[d]|(deb|security|snapshot)\.debian")
_PATHS = re.compile(r"/wor[k]/|/User[s]/")
_LEFTOVERS = re.compile(r"\b(TOD[O]|FIXM[E]|XX[X]|HAC[K])\b")
_SWITCHED_OFF = re.compile(
    r"\bmark\.(skip|xfail)|pytest\.(skip|xfail)\(|importorskip|\b(it|test|describe)\.(only|skip)\b"
)
_SLEEPS = re.compile(r"\btime\.sleep\(|\basyncio\.sleep\((?!0\))|\banyio\.sleep\((?!0\))|wait_for_timeout\(")


def _lines(names: list[str], pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:100]}"
        for name in names
        for number, line in enumerate(read(name).split("\n"), 1)
        if pattern.search(line)
    ]


def test_no_registry_host_is_named() -> None:
    none_of(_lines(text_files(), _HOSTS))


def test_no_path_of_a_machine_is_named() -> None:
    none_of(_lines(text_files(), _PATHS))
    none_of(_lines(text_files(), re.compile(re.escape(str(ROOT)) + r"\b")))


def test_requirements_lock_has_hashes_and_no_host() -> None:
    text = read("requirements.lock")
    assert "://" not in text
    pins = re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]
    pin = re.compile(r"[a-z0-9._-]+==\S+( ; [^\\\n]+)? \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+")
    none_of(found for found in pins if not pin.fullmatch(found))


def test_requirements_lock_has_every_dependency_and_no_torch() -> None:
    project = tomllib.loads(read("pyproject.toml"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = {re.split(r"[^A-Za-z0-9_.-]", line)[0].lower().replace("_", "-") for line in wanted}
    locked = set(re.findall(r"^([a-z0-9._-]+)==", read("requirements.lock"), re.MULTILINE))
    none_of(names - locked)
    assert locked & {"torch", "torchvision", "tensorflow", "transformers"} == set()


@pytest.mark.parametrize("name", ["ui/package-lock.json", "tests/fakes/oidc/package-lock.json"])
def test_package_lock_names_no_host(name: str) -> None:
    lock = json.loads(read(name))
    none_of(name for name, package in lock["packages"].items() if "resolved" in package)
    assert not re.search(r'"resolved"\s*:', json.dumps(lock))
    none_of(name for name, package in lock["packages"].items() if name and not package.get("integrity"))


def test_nothing_is_left_over_and_no_test_is_switched_off() -> None:
    code = [name for name in files(".py", ".ts", ".tsx") if name != Path(__file__).relative_to(ROOT).as_posix()]
    none_of(_lines(code, _LEFTOVERS))
    tests = [name for name in code if name.startswith("tests/") or re.search(r"\.test\.tsx?$", name)]
    none_of(_lines(tests, _SWITCHED_OFF))
    none_of(_lines(tests, _SLEEPS))
