"""A nursery for servers that are going to be killed, and what a run comes to when nobody kills anything."""

import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.life import Life
from tests.chaos.nursery import Nursery

NewCase = Callable[[str], Path]


@pytest.fixture(scope="session")
def nursery() -> Generator[Nursery]:
    """Where servers are born."""
    made = Nursery()
    yield made
    made.close()


@pytest.fixture(scope="session")
def new_case(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> NewCase:
    """Makes the folder of a case: a server's data with the swarm declared, and a repository to work on."""
    room = tmp_path_factory.mktemp("chaos")
    (room / "template").mkdir()
    nursery.prepare(room / "template")

    def make(name: str) -> Path:
        folder = room / name
        shutil.copytree(room / "template" / "data", folder / "data")
        (folder / "repo" / ".git").mkdir(parents=True)
        return folder

    return make


@pytest.fixture(scope="session")
def bare_case(tmp_path_factory: pytest.TempPathFactory) -> NewCase:
    """Makes the folder of a case in which no server has ever lived."""
    room = tmp_path_factory.mktemp("bare")

    def make(name: str) -> Path:
        (room / name / "repo" / ".git").mkdir(parents=True)
        return room / name

    return make


@pytest.fixture(scope="session")
def undisturbed(nursery: Nursery, new_case: NewCase) -> dict[str, Any]:
    """What comes of a server that nobody kills."""
    outcome = nursery.live(Life(str(new_case("undisturbed"))))
    assert outcome is not None
    return outcome
