"""The floor plan holds, and each of its contracts notices what it is there for."""

import logging
import os
import subprocess
import sys
import tomllib
from collections.abc import Generator
from pathlib import Path

import pytest
from importlinter import cli

from tests.architecture.tree import PACKAGE, ROOT

_ROOMS = ("people", "resources", "models", "gateway", "audit", "storage", "kernel", "runs")
_BAD = [
    ("floors", "kernel/words.py", "import swarmstead.audit.contract"),
    ("floors", "audit/handlers.py", "import swarmstead.people.contract"),
    ("floors", "attic/__init__.py", ""),
    ("furniture", "people/contract.py", "import swarmstead.people.handlers"),
    ("furniture", "people/handlers.py", "import swarmstead.people.adapters.ldap"),
    ("contracts", "people/helpers.py", "import swarmstead.audit.queries"),
    ("contracts", "gateway/chain.py", "from swarmstead.audit.chain import link"),
    ("adapters", "doors/cli/main.py", "import swarmstead.people.adapters.ldap"),
    ("tables", "doors/cli/main.py", "from swarmstead.people import tables"),
    ("tables", "wiring.py", "import swarmstead.people.model"),
    ("settings", "people/handlers.py", "import swarmstead.settings"),
    ("settings", "doors/http/app.py", "import swarmstead.settings"),
    ("alone", "gatehouse.py", "import swarmstead.runs.contract"),
    ("alone", "doors/http/gateway.py", "import swarmstead.doors.http.app"),
    ("alone", "gateway/links.py", "def later():\n    import dbos"),
    ("toolservers", "doors/toolservers/git.py", "import swarmstead.storage.database"),
    ("toolservers", "doors/toolservers/git.py", "import swarmstead.doors.http.app"),
    ("frameworks", "people/contract.py", "import pydantic"),
    ("frameworks", "kernel/words.py", "import sqlalchemy"),
]


@pytest.fixture(autouse=True)
def loggers_stay_on() -> Generator[None]:
    """import-linter sets up logging for itself and switches off every logger that is there; later tests read logs."""
    yield
    for logger in logging.Logger.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False


def _contracts() -> dict[str, dict[str, list[str]]]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {contract["id"]: contract for contract in config["tool"]["importlinter"]["contracts"]}


def test_contracts_hold(capsys: pytest.CaptureFixture[str]) -> None:
    status = cli.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True)
    assert status == cli.EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_every_room_has_a_floor() -> None:
    listed = {name.strip(" ()") for layer in _contracts()["floors"]["layers"] for name in layer.split("|")}
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert packages | modules <= listed


def test_every_dependency_is_kept_out_of_contracts() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {line.split(">")[0].split("[")[0].strip().replace("-", "_") for line in project["dependencies"]}
    imported = {"pyyaml": "yaml", "pydantic_ai_slim": "pydantic_ai"}
    imported |= {name: "opentelemetry" for name in names if name.startswith("opentelemetry_")}
    expected = {imported.get(name, name) for name in names} - {"annotated_types"}
    assert expected <= set(_contracts()["frameworks"]["forbidden_modules"])


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small tree with the product's contracts: rooms with furniture, doors, wiring. All of it is allowed."""
    root = tmp_path_factory.mktemp("house")
    (root / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text(encoding="utf-8"), encoding="utf-8")
    for room in _ROOMS:
        for module in ("contract", "errors", "model", "tables", "handlers", "queries"):
            _write(root, f"{room}/{module}.py", "")
    allowed = {
        "audit/chain.py": "link = 1",
        "doors/cli/main.py": "import swarmstead.settings, swarmstead.wiring, swarmstead.people.handlers",
        "doors/http/app.py": "import swarmstead.wiring, swarmstead.people.queries",
        "doors/http/gateway.py": "import swarmstead.gatehouse",
        "doors/http/api.py": "import swarmstead.gatehouse",
        "doors/http/static.py": "",
        "doors/mcp/endpoint.py": "import swarmstead.gatehouse",
        "doors/worker/gateway.py": "import swarmstead.doors.http.gateway, swarmstead.gatehouse, swarmstead.settings",
        "doors/toolservers/git.py": "import swarmstead.kernel.errors",
        "people/adapters/ldap.py": "import swarmstead.people.contract",
        "people/handlers.py": "import swarmstead.audit.contract, swarmstead.people.tables, swarmstead.storage.database",
        "people/contract.py": "import annotated_types, swarmstead.kernel.errors, swarmstead.storage.database",
        "gatehouse.py": "import swarmstead.settings, swarmstead.gateway.handlers",
        "settings.py": "import swarmstead.kernel.errors",
        "storage/database.py": "import sqlalchemy, swarmstead.kernel.errors",
        "wiring.py": "import swarmstead.settings, swarmstead.people.adapters.ldap, swarmstead.people.handlers",
    }
    for name, text in allowed.items():
        _write(root, name, text)
    return root


def _write(root: Path, name: str, text: str) -> None:
    path = root / "src" / "swarmstead" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    for folder in (path.parent, path.parent.parent):
        if folder != root / "src":
            (folder / "__init__.py").touch()
    path.write_text(text + "\n", encoding="utf-8")


def _broken(root: Path) -> set[str]:
    """Names of the contracts that import-linter finds broken in that tree."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    env = {**os.environ, "PYTHONPATH": str(root / "src"), "COLUMNS": "200"}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    assert "Contracts" in done.stdout, done.stdout + done.stderr
    return {key for key, contract in _contracts().items() if f"{contract['name']} BROKEN" in done.stdout}


def test_what_is_allowed_is_kept(house: Path) -> None:
    assert _broken(house) == set()


@pytest.mark.parametrize(("contract", "name", "text"), _BAD, ids=[f"{bad[0]}: {bad[1]}: {bad[2]}" for bad in _BAD])
def test_what_is_not_allowed_is_noticed(house: Path, contract: str, name: str, text: str) -> None:
    path = house / "src" / "swarmstead" / name
    before = path.read_text(encoding="utf-8") if path.exists() else None
    _write(house, name, f"{before or ''}{text}")
    try:
        assert contract in _broken(house)
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before, encoding="utf-8")
