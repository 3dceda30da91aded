"""The files server: what it shows, and that no path leads out of its folder."""

import os
import socket
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from swarmstead.doors.toolservers import confined, file_reads
from swarmstead.doors.toolservers.confined import Root
from swarmstead.doors.toolservers.files import make_tools
from swarmstead.doors.toolservers.tools import ToolError
from tests.doors.toolservers.conftest import Connect
from tests.doors.toolservers.helpers import Called


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for name, content in {
        "README.md": "# Shop\n",
        "src/app.py": "import os\n\nprint('Hello')\n",
        "src/deep/util.py": "HELLO = 1\n",
        "Makefile": "all:\n\ttrue",
        "node_modules/x/index.js": "Hello\n",
        ".git/config": "[core]\n",
        ".gitignore": "x\n",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (root / "logo.bin").write_bytes(b"PNG\0Hello\n")
    (tmp_path / "secret.txt").write_text("Hello from outside\n")
    return root


@pytest.fixture
def tools(root: Path) -> Called:
    return Called(make_tools(str(root)))


async def test_the_official_client_gets_data_that_satisfies_each_output_schema(connect: Connect, root: Path) -> None:
    async with connect("files", "--root", str(root)) as client:
        for name, arguments in [
            ("tree", {}),
            ("read", {"path": "src/app.py"}),
            ("search", {"pattern": "Hello"}),
            ("stats", {}),
        ]:
            result = await client.call_tool(name, arguments)
            assert not result.is_error, name
            assert result.structured_content, name


def test_tree_goes_as_deep_as_asked_and_hides_the_repository(tools: Called) -> None:
    shallow = tools("tree", depth=1)
    assert {one["path"]: one["kind"] for one in shallow["entries"]} == {
        ".gitignore": "file",
        "Makefile": "file",
        "README.md": "file",
        "logo.bin": "file",
        "node_modules": "folder",
        "src": "folder",
    }
    paths = [one["path"] for one in tools("tree")["entries"]]
    assert "src/deep/util.py" in paths
    assert "node_modules/x" not in paths
    assert [one["path"] for one in tools("tree", path="src/", depth=1)["entries"]] == ["src/app.py", "src/deep"]
    assert [one["path"] for one in tools("tree", path="node_modules/x")["entries"]] == ["node_modules/x/index.js"]


def test_a_cut_tree_has_lost_its_deepest_entries(tools: Called) -> None:
    cut = tools("tree", max_entries=6)
    assert cut["truncated"]
    assert not any("/" in one["path"] for one in cut["entries"])
    assert not tools("tree", max_entries=6, depth=1)["truncated"]


def test_read_gives_the_lines_asked_for(tools: Called) -> None:
    whole = tools("read", path="src/app.py")
    assert whole["text"] == "import os\n\nprint('Hello')"
    assert (whole["start_line"], whole["end_line"], whole["total_lines"], whole["truncated"]) == (1, 3, 3, False)
    middle = tools("read", path="./src//app.py", start_line=2, max_lines=1)
    assert (middle["text"], middle["end_line"], middle["truncated"]) == ("", 2, True)
    past = tools("read", path="src/app.py", start_line=4)
    assert (past["text"], past["end_line"], past["truncated"]) == ("", 3, False)
    assert tools("read", path="Makefile")["total_lines"] == 2
    assert tools("read", path="src/../README.md")["text"] == "# Shop"


def test_read_tells_empty_binary_and_foreign_encodings_apart(tools: Called, root: Path) -> None:
    (root / "empty").touch()
    (root / "latin").write_bytes("café\n".encode("latin-1"))
    assert tools("read", path="empty")["total_lines"] == 0
    binary = tools("read", path="logo.bin")
    assert binary["binary"]
    assert binary["text"] == ""
    assert binary["size"] == 10
    assert tools("read", path="latin")["text"] == "caf\ufffd"
    assert tools("read", path="latin")["lossy"]


def test_read_is_capped_in_text_and_refuses_a_huge_file(
    tools: Called, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "long.txt").write_text("x" * 300_000 + "\nlast\n")
    cut = tools("read", path="long.txt")
    assert (len(cut["text"]), cut["end_line"], cut["truncated"]) == (256 * 1024, 1, True)
    monkeypatch.setattr(file_reads, "READ_CAP", 100)
    with pytest.raises(ToolError, match="has 300006 bytes; 100 is the most"):
        tools("read", path="long.txt")


def test_search_is_literal_and_narrowed_by_glob_and_folder(tools: Called) -> None:
    assert tools("search", pattern="Hello")["hits"] == [{"path": "src/app.py", "line": 3, "text": "print('Hello')"}]
    assert tools("search", pattern="H.llo")["hits"] == []
    both = tools("search", pattern="hello", ignore_case=True)
    assert [(one["path"], one["line"]) for one in both["hits"]] == [("src/app.py", 3), ("src/deep/util.py", 1)]
    assert len(tools("search", pattern="hello", ignore_case=True, glob="src/deep/*")["hits"]) == 1
    assert len(tools("search", pattern="hello", ignore_case=True, glob="*.md")["hits"]) == 0
    assert len(tools("search", pattern="hello", ignore_case=True, path="src/deep")["hits"]) == 1
    cut = tools("search", pattern="hello", ignore_case=True, max_hits=1)
    assert len(cut["hits"]) == 1
    assert cut["truncated"]


def test_search_reports_each_line_once_and_cuts_long_ones(tools: Called, root: Path) -> None:
    (root / "a.txt").write_text("ab ab ab\n\nzz" + "ab" * 5000 + "\nab")
    hits = tools("search", pattern="ab", glob="a.txt")["hits"]
    assert [one["line"] for one in hits] == [1, 3, 4]
    assert len(hits[1]["text"]) == 300


def test_stats_count_by_extension_and_name_the_largest(tools: Called) -> None:
    stats = tools("stats")
    assert stats["extensions"][0] == {"extension": ".py", "files": 2, "lines": 4, "bytes": 36, "left_out": 0}
    assert {one["extension"]: one["lines"] for one in stats["extensions"]} == {".py": 4, "": 3, ".md": 1, ".bin": 0}
    assert stats["largest"][0] == {"path": "src/app.py", "size": 26}
    assert stats["files"] == 6
    assert not stats["truncated"]


def test_walks_end_at_the_limits_of_files_and_of_one_folder(tools: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_reads, "MAX_FILES", 2)
    assert tools("stats")["truncated"]
    assert tools("stats")["files"] == 2
    assert tools("search", pattern="nowhere")["truncated"]
    monkeypatch.setattr(file_reads, "MAX_FILES", 2_000)
    assert not tools("stats")["truncated"]
    monkeypatch.setattr(confined, "MAX_PER_FOLDER", 3)
    assert len(tools("tree", depth=1)["entries"]) <= 3
    for name, arguments in (("tree", {"depth": 1}), ("stats", {}), ("search", {"pattern": "nowhere"})):
        assert tools(name, **arguments)["truncated"], name  # nobody takes three files of five for all there are


@pytest.mark.parametrize("name", ["tree", "stats", "search"])
def test_a_walk_ends_when_its_time_is_up_whatever_it_meets(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also among folders alone, in which there is no file to look at the clock for."""
    for number in range(20):
        (tmp_path / "root" / f"a{number}" / "b").mkdir(parents=True)
    tools = Called(make_tools(str(tmp_path / "root")))
    arguments = {"pattern": "Hello"} if name == "search" else {}
    assert not tools(name, **arguments)["truncated"]
    monkeypatch.setattr(file_reads, "TIME_CAP_S", -1)
    assert tools(name, **arguments)["truncated"]


def test_empty_folders_take_time_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has been listed is still to be entered, and shows nothing."""
    for number in range(20):
        (tmp_path / f"a{number:02}").mkdir()
    root, passed, entered = Root(str(tmp_path)), [0.0], list[str]()
    enter = root.open_folder

    @contextmanager
    def slow(path: str) -> Generator[int]:
        entered.append(path)
        passed[0] += 50
        with enter(path) as found:
            yield found

    monkeypatch.setattr(confined, "time", SimpleNamespace(monotonic=lambda: passed[0]))
    monkeypatch.setattr(root, "open_folder", slow)
    walk = root.walk(".", within_s=60)
    assert len(list(walk)) == 20
    assert (walk.cut, entered) == (True, [".", "a00"])


def test_a_tree_too_deep_to_be_walked_is_said_to_be_cut(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * confined.DEEPEST)
    deep.mkdir(parents=True)
    tools = Called(make_tools(str(tmp_path)))
    assert tools("stats")["truncated"]
    deep.rmdir()
    assert not tools("stats")["truncated"]


def test_text_that_is_too_large_to_be_counted_is_told(
    tools: Called, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_reads, "SCAN_CAP", 20)
    (root / "huge.bin").write_bytes(b"PNG\0" * 20)
    stats = tools("stats")
    rows = {one["extension"]: (one["files"], one["lines"], one["left_out"]) for one in stats["extensions"]}
    assert rows[".py"] == (2, 1, 1)  # src/app.py has 26 bytes
    assert rows[".bin"] == (2, 0, 0)  # nobody counts the lines of those
    assert stats["files"] == 7
    found = tools("search", pattern="H")
    assert (found["left_out"], [one["path"] for one in found["hits"]]) == (1, ["src/deep/util.py"])


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "src/../../secret.txt",
        "/etc/hostname",
        "out",
        "out-dir/secret.txt",
        "up/secret.txt",
        "round",
        "src/chain",
    ],
)
def test_no_path_and_no_link_leads_outside(tools: Called, root: Path, path: str) -> None:
    (root / "out").symlink_to(root.parent / "secret.txt")
    (root / "out-dir").symlink_to(root.parent)
    (root / "up").symlink_to("..")
    (root / "round").symlink_to(f"../{root.name}/README.md")  # leaves and comes back: refused as well
    (root / "src" / "chain").symlink_to("../out")
    with pytest.raises(ToolError, match=r"^Denied: .*(outside the server's folder|is absolute)"):
        tools("read", path=path)
    assert tools("search", pattern="outside")["hits"] == []
    with pytest.raises(ToolError, match="Denied"):
        tools("tree", path=".." if path.startswith("..") else "up")


def test_links_that_stay_inside_are_followed(tools: Called, root: Path) -> None:
    (root / "inside").symlink_to("src/app.py")
    (root / "src" / "back").symlink_to("../README.md")
    (root / "absolute").symlink_to(root / "src")
    (root / "self").symlink_to(root)
    for path in ["inside", "src/back", "absolute/app.py", "self/src/app.py"]:
        assert tools("read", path=path)["total_lines"] in {1, 3}
    assert {"path": "inside", "kind": "link", "size": 0} in tools("tree", depth=1)["entries"]
    assert tools("stats")["files"] == 6  # walks do not follow links, so nothing counts twice


def test_a_ring_of_links_ends(tools: Called, root: Path) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    with pytest.raises(ToolError, match="too many symbolic links"):
        tools("read", path="a")


@pytest.mark.parametrize("path", [".git/config", ".GIT/config", "src/../.git/config", "peek/config", "peek"])
def test_the_repositorys_own_files_are_refused(tools: Called, root: Path, path: str) -> None:
    (root / "peek").symlink_to(".git")
    with pytest.raises(ToolError, match="repository's own files"):
        tools("read", path=path)
    with pytest.raises(ToolError, match="repository's own files"):
        tools("tree", path=".git")


def test_pipes_sockets_and_devices_are_never_opened(tools: Called, root: Path) -> None:
    os.mkfifo(root / "pipe")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(root / "sock"))
    (root / "zero").symlink_to("/dev/zero")
    for path in ["pipe", "sock"]:
        with pytest.raises(ToolError, match="not a regular file"):
            tools("read", path=path)
    with pytest.raises(ToolError, match="outside"):
        tools("read", path="zero")
    assert tools("search", pattern="Hello")["files_searched"] == 5
    kinds = {one["path"]: one["kind"] for one in tools("tree", depth=1)["entries"]}
    assert kinds["pipe"] == kinds["sock"] == "other"
    assert kinds["zero"] == "link"
    listener.close()


def test_what_is_missing_or_of_the_wrong_kind_is_named(tools: Called) -> None:
    for tool, path, words in [
        ("read", "nope.txt", "'nope.txt' cannot be opened: No such file"),
        ("read", "src", "'src' is a folder, not a file"),
        ("read", "README.md/x", "Not a directory"),
        ("tree", "README.md", "is a file, not a folder"),
    ]:
        with pytest.raises(ToolError, match=words):
            tools(tool, path=path)


def test_a_folder_swapped_for_a_link_during_reads_never_shows_the_outside(tools: Called, root: Path) -> None:
    """An enemy flips `swap` between a folder and a link to the outside while it is being read."""
    (root / "swap").mkdir()
    (root / "swap" / "secret.txt").write_text("inside\n")
    (root / "link").symlink_to(root.parent)
    stop = threading.Event()

    def flip() -> None:
        while not stop.is_set():
            for source, target in [("swap", "kept"), ("link", "swap"), ("swap", "link"), ("kept", "swap")]:
                (root / source).rename(root / target)

    enemy = threading.Thread(target=flip)
    enemy.start()
    try:
        seen = set(_texts(tools))
    finally:
        stop.set()
        enemy.join()
    assert seen <= {"inside"}


def _texts(tools: Called) -> Iterator[str]:
    for _ in range(300):
        try:
            yield tools("read", path="swap/secret.txt")["text"]
        except ToolError:
            continue


def test_no_descriptor_is_left_open(tools: Called, root: Path) -> None:
    (root / "out").symlink_to("/etc")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        for name, arguments in [("tree", {"max_entries": 1}), ("read", {"path": "src/app.py"}), ("stats", {})]:
            tools(name, **arguments)
        for path in ["out/passwd", "nope", "src/nope", ".git", "src"]:
            with pytest.raises(ToolError):
                tools("read", path=path)
        tools("search", pattern="o", max_hits=1)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_walks_side_by_side_do_not_take_entries_from_each_other(root: Path) -> None:
    for number in range(200):
        (root / f"file{number}").write_text("x")
    confined_root = confined.Root(str(root))
    alone = [found.path for found in confined_root.walk(".")]
    together: list[list[str]] = []

    def walk() -> None:
        together.extend([found.path for found in confined_root.walk(".")] for _ in range(50))

    threads = [threading.Thread(target=walk) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [walked for walked in together if walked != alone] == []
