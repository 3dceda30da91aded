"""One server per data directory; the lock goes with its process, however that ends."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from swarmstead.storage.datadir import DataDir
from swarmstead.storage.engines import make_engine
from swarmstead.storage.errors import DatabaseUnavailable, DataInUse

_SERVER = """
import subprocess, sys
from pathlib import Path
from swarmstead.storage.datadir import DataDir

directory = DataDir(Path(sys.argv[1]))
tool = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=sys.stdin)
print(tool.pid, flush=True)
tool.wait()
"""


def test_it_is_made_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "data"
    with DataDir(path):
        assert path.stat().st_mode & 0o777 == 0o700
        assert [(file.name, file.stat().st_mode & 0o777) for file in path.iterdir()] == [("server.lock", 0o600)]


def test_a_second_server_is_refused_and_told_who_is_first(tmp_path: Path) -> None:
    import os

    with DataDir(tmp_path):
        with pytest.raises(DataInUse, match=f"process {os.getpid()}") as caught:
            DataDir(tmp_path)
        assert "--data" in caught.value.way_out
    with DataDir(tmp_path):
        pass


def test_a_killed_server_leaves_no_lock_even_while_a_tool_it_started_lives(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        assert int(server.stdout.readline()) > 0
        with pytest.raises(DataInUse, match=f"process {server.pid}"):
            DataDir(tmp_path)
        server.send_signal(signal.SIGKILL)
        server.wait(30)
        with DataDir(tmp_path):
            pass
        # The tool ends when its input does, which is when this block closes the pipe.


@pytest.mark.parametrize("path", ["file", "file/data"])
def test_a_path_that_cannot_be_a_directory_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(DatabaseUnavailable) as caught:
        DataDir(tmp_path / path)
    assert str(tmp_path / path) in caught.value.message
    assert "--data" in caught.value.way_out


def test_the_database_is_its_owners_alone_in_whatever_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)  # it may have been there before us
    engine = make_engine(f"sqlite:///{tmp_path}/stead.db")
    with engine.begin() as conn:
        conn.exec_driver_sql("CREATE TABLE a (b)")
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    engine.dispose()
