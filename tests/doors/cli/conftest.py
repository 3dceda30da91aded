"""One real server for the session, started by `stead up`; and `stead` called in this process against it."""

from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from swarmstead.doors.cli import main
from tests.doors.cli.helpers import Done, Server, environment, make_repository, up

Call = Callable[..., Done]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    """A server on its first start, whose user may use the command line at once."""
    home = tmp_path_factory.mktemp("home")
    with up(home, home / "data", "--allow", str(home)) as running:
        yield running


@pytest.fixture
def repository(server: Server, request: pytest.FixtureRequest) -> Path:
    """A git repository of the test's own that the server may read."""
    return make_repository(server.home / "repositories" / request.node.name.replace("[", "-").strip("]"))


@pytest.fixture
def call(server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """`call("run", "list")`: what `stead run list` does, in this process, for the user who started the server."""
    for name, value in environment(server.home).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.chdir(server.home)

    def run(*arguments: str | Path) -> Done:
        capsys.readouterr()
        code = main.run([str(one) for one in arguments])
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return run
