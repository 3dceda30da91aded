"""The index on disk: it is found again, it is never trusted blindly, and meaning counts where words do not."""

import errno
import json
import sys
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from swarmstead.gateway.adapters.search import folder as folders
from swarmstead.gateway.adapters.search import hybrid, nearest
from swarmstead.gateway.adapters.search.hybrid import HybridIndex
from swarmstead.gateway.adapters.search.opening import open_index
from swarmstead.gateway.search.contract import Permitted, ToolDocument
from swarmstead.gateway.search.memory import MemoryIndex
from swarmstead.gateway.search.ports import Changed
from swarmstead.gateway.search.ranking import search
from swarmstead.gateway.search.weights import shipped

WEIGHTS = shipped()
_WITHIN_S = 30.0
TOOLS = [
    ToolDocument("sky", "get_forecast", "Meteorological outlook for a location.", {}, "read"),
    ToolDocument("shop", "list_orders", "All purchases of a customer.", {}, "read"),
    ToolDocument("garage", "book_repair", "Reserve a slot at an automobile workshop.", {}, "write"),
]


def first(index: HybridIndex, task: str, permitted: Permitted | None = None) -> str:
    return search(index, WEIGHTS, task, permitted, 1)[0].document.name


def many(count: int) -> list[ToolDocument]:
    colours = ("red", "green", "blue", "black", "white", "grey", "pink", "brown", "golden", "silver")
    return [
        ToolDocument(f"s{n % 10}", f"paint_{colours[n % 10]}_{n}", f"Paint wall {n} {colours[n % 10]}.", {}, "read")
        for n in range(count)
    ]


def test_meaning_finds_what_shares_no_word(tmp_path: Path) -> None:
    index = HybridIndex(tmp_path, WEIGHTS)
    index.refresh(TOOLS)
    for improved in (False, True):
        if improved:
            assert index.improve(2) == 1
            assert index.improve(100) == 0
        assert first(index, "will it rain tomorrow?") == "get_forecast"
        assert first(index, "my car is broken") == "book_repair"


def test_it_is_found_again_with_its_deep_vectors(tmp_path: Path) -> None:
    index = HybridIndex(tmp_path, WEIGHTS)
    index.refresh(TOOLS)
    index.improve(100)
    index.close()
    again = HybridIndex(tmp_path, WEIGHTS)
    assert again.refresh(TOOLS) == Changed(0, 0)
    assert again.improve(100) == 0
    assert first(again, "my car is broken") == "book_repair"


def test_deep_vectors_stop_at_their_limit(tmp_path: Path) -> None:
    index = HybridIndex(tmp_path, WEIGHTS, deep_limit=2)
    index.refresh(TOOLS)
    assert index.improve(100) == 0
    assert first(index, "my car is broken") == "book_repair"


def with_manifest(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    """Damage: the manifest says something else."""

    def damage(folder: Path) -> None:
        data = json.loads((folder / "manifest.json").read_text())
        change(data)
        (folder / "manifest.json").write_text(json.dumps(data))

    return damage


def cut(folder: Path) -> None:
    with (folder / "static.f16").open("r+b") as file:
        file.truncate(10)


def overwrite_words(folder: Path) -> None:
    for path in (folder / "words").iterdir():
        path.write_bytes(b"\xff" * path.stat().st_size)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "manifest is no JSON": lambda folder: (folder / "manifest.json").write_text("{"),
    "manifest is a list": lambda folder: (folder / "manifest.json").write_text("[]"),
    "another format": with_manifest(lambda data: data["made_with"].update(format=folders.FORMAT + 1)),
    "another model": with_manifest(lambda data: data["made_with"].update(deep="some other model")),
    "a counter lies": with_manifest(lambda data: data["counts"].update(static=1)),
    "vectors cut short": cut,
    "rows overwritten": lambda folder: (folder / "rows.npz").write_bytes(b"not an archive"),
    "rows gone": lambda folder: (folder / "rows.npz").unlink(),
    "words overwritten": overwrite_words,
}


@pytest.mark.parametrize("how", sorted(DAMAGES))
def test_a_folder_that_cannot_be_trusted_is_made_anew(tmp_path: Path, how: str) -> None:
    index = HybridIndex(tmp_path, WEIGHTS)
    index.refresh(TOOLS)
    index.close()
    DAMAGES[how](tmp_path)
    again = HybridIndex(tmp_path, WEIGHTS)
    assert search(again, WEIGHTS, "orders", None) == []
    assert again.refresh(TOOLS) == Changed(3, 0)
    assert first(again, "my car is broken") == "book_repair"


def test_a_sealed_folder_with_damaged_words_is_made_anew_too(tmp_path: Path) -> None:
    index = HybridIndex(tmp_path, WEIGHTS)
    index.refresh(TOOLS)
    index.close()
    overwrite_words(tmp_path)
    made_with = json.loads((tmp_path / "manifest.json").read_text())["made_with"]
    counts = json.loads((tmp_path / "manifest.json").read_text())["counts"]
    del made_with["format"]
    folders.sealed(tmp_path, made_with, counts)  # as if the disk had lied before the sums were taken
    assert HybridIndex(tmp_path, WEIGHTS).refresh(TOOLS) == Changed(3, 0)


def test_a_change_that_was_cut_off_leaves_nothing_to_trust(tmp_path: Path) -> None:
    index = HybridIndex(tmp_path, WEIGHTS)
    index.refresh(TOOLS)

    def cut_off() -> Generator[ToolDocument]:
        yield from (ToolDocument("new", f"tool_{n}", "New.", {}, "read") for n in range(20_000))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.refresh(cut_off())
    again = HybridIndex(tmp_path, WEIGHTS)
    assert again.refresh(TOOLS) == Changed(3, 0)


def test_many_changes_do_not_make_it_grow_for_ever(tmp_path: Path) -> None:
    index = HybridIndex(tmp_path, WEIGHTS)
    for turn in range(8):
        index.refresh([ToolDocument("s", f"tool_{turn}_{n}", f"Does thing {n}.", {}, "read") for n in range(50)])
    assert (tmp_path / "static.f16").stat().st_size <= 5 * 50 * 256 * 2
    assert len(search(index, WEIGHTS, "does thing 7", None)) > 0


def worn(folder: Path) -> HybridIndex:
    """An index whose next refresh makes it anew: most of its rows are struck out."""
    index = HybridIndex(folder, WEIGHTS)
    index.refresh([*TOOLS, *many(200)])
    index.improve(3)
    index.refresh(TOOLS)
    return index


def test_a_search_finds_while_the_index_is_made_anew(tmp_path: Path) -> None:
    """In the middle of it: the tools that come are handed over while somebody else searches."""
    index = worn(tmp_path)
    found: list[str] = []

    def handed_over() -> Generator[ToolDocument]:
        yield from many(3)
        with ThreadPoolExecutor(1) as other:
            found.extend(other.submit(first, index, task).result(_WITHIN_S) for task in ("purchases", "broken car"))
        yield from TOOLS

    before = (tmp_path / "static.f16").stat().st_size
    assert index.refresh(handed_over()) == Changed(6, 0)
    assert (tmp_path / "static.f16").stat().st_size < before
    assert found == ["list_orders", "book_repair"]
    assert first(index, "paint wall 2") == "paint_blue_2"
    assert index.improve(100) == 0
    index.close()
    again = HybridIndex(tmp_path, WEIGHTS)
    assert again.refresh([*many(3), *TOOLS]) == Changed(0, 0)
    assert first(again, "my car is broken") == "book_repair"


def test_an_index_that_could_not_be_made_anew_stays_as_it_was(tmp_path: Path) -> None:
    index = worn(tmp_path)

    def cut_off() -> Generator[ToolDocument]:
        yield from many(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.refresh(cut_off())
    assert first(index, "purchases") == "list_orders"
    assert first(HybridIndex(tmp_path, WEIGHTS), "purchases") == "list_orders"  # and whoever opens it finds it whole
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_an_index_whose_place_could_not_be_taken_is_empty_and_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of what was there is gone by then."""
    index = worn(tmp_path)

    def full(_from: Path, _to: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", full)
        with pytest.raises(OSError, match="No space left"):
            index.refresh([*TOOLS, *many(3)])
    assert search(index, WEIGHTS, "purchases", None) == []
    assert index.refresh(TOOLS) == Changed(len(TOOLS), 0)
    assert first(index, "purchases") == "list_orders"


def test_all_tools_may_go_when_the_index_is_made_anew(tmp_path: Path) -> None:
    index = worn(tmp_path)
    assert index.refresh([]) == Changed(0, 0)
    assert search(index, WEIGHTS, "purchases", None) == []
    index.refresh(TOOLS)
    assert first(index, "purchases") == "list_orders"


def test_what_a_process_left_that_ended_while_it_built_is_taken_away(tmp_path: Path) -> None:
    index = HybridIndex(tmp_path, WEIGHTS)
    index.refresh(TOOLS)
    index.close()
    (tmp_path / ".beside").mkdir()
    (tmp_path / ".beside" / "static.f16").write_bytes(b"half")
    assert HybridIndex(tmp_path, WEIGHTS).refresh(TOOLS) == Changed(0, 0)
    assert not (tmp_path / ".beside").exists()


def test_a_large_index_uses_its_graph_and_still_filters_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "EXACT", 100)
    monkeypatch.setattr(hybrid, "EXACT", 100)
    monkeypatch.setattr(hybrid, "_SLICE", 150)
    tools = many(2_000)
    index = HybridIndex(tmp_path, WEIGHTS)
    index.refresh(tools)
    assert (tmp_path / "nearest.usearch").exists()
    assert first(index, "paint wall 1234") == "paint_white_1234"
    golden = Permitted({"s8": frozenset(tool.name for tool in tools if tool.server == "s8")})
    found = search(index, WEIGHTS, "paint wall 1234 white", golden)
    assert found
    assert {one.document.server for one in found} == {"s8"}
    assert first(index, "paint wall 1238", golden) == "paint_golden_1238"
    index.close()
    again = HybridIndex(tmp_path, WEIGHTS)
    more = ToolDocument("s8", "feed_cat", "Give food to a pet.", {}, "read")
    assert again.refresh([*tools[1:], more]) == Changed(1, 1)
    assert first(again, "give my pet some food") == "feed_cat"
    assert "paint_red_0" not in [one.document.name for one in search(again, WEIGHTS, "paint wall 0 red", None)]


def test_hidden_tools_that_fit_better_do_not_crowd_out_a_large_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hybrid, "_SLICE", 10)
    monkeypatch.setattr(hybrid, "_MOST_FETCHED", 40)
    hidden = [ToolDocument("hidden", f"send_mail_{n}", "Send mail.", {}, "read") for n in range(300)]
    seen = [
        ToolDocument(
            "seen",
            f"mail_report_{n}",
            f"Makes a long and winding report {n} that may be sent by mail in "
            "the end, when everything else has been done.",
            {},
            "read",
        )
        for n in range(100)
    ]
    index = HybridIndex(tmp_path, WEIGHTS)
    index.refresh([*hidden, *seen])
    permitted = Permitted({"seen": frozenset(one.name for one in seen)})
    found = search(index, WEIGHTS, "send mail", permitted, 20)
    assert len(found) == 20
    assert {one.document.server for one in found} == {"seen"}


def test_grants_that_change_are_seen_at_once(tmp_path: Path) -> None:
    index = HybridIndex(tmp_path, WEIGHTS)
    index.refresh(TOOLS)
    assert first(index, "orders", Permitted({"shop": frozenset({"list_orders"})})) == "list_orders"
    assert search(index, WEIGHTS, "orders", Permitted({"shop": frozenset()})) == []


def test_vectors_that_are_added_twice_are_cut_back_to_what_is_known(tmp_path: Path) -> None:
    index = HybridIndex(tmp_path, WEIGHTS)
    index.refresh(TOOLS)
    index.close()
    with (tmp_path / "deep.f16").open("ab") as file:  # a crash after vectors were written and before they were noted
        file.write(np.ones(384, np.float16).tobytes())
    again = HybridIndex(tmp_path, WEIGHTS)
    assert again.refresh(TOOLS) == Changed(0, 0)
    assert again.improve(100) == 0
    assert first(again, "my car is broken") == "book_repair"


def test_an_installation_without_the_extra_searches_by_keyword(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "swarmstead.gateway.adapters.search.hybrid", None)
    index = open_index(tmp_path, WEIGHTS)
    assert isinstance(index, MemoryIndex)
    index.refresh(TOOLS)
    assert search(index, WEIGHTS, "purchases of a customer", None)[0].document.name == "list_orders"
    assert list(tmp_path.iterdir()) == []


def test_an_installation_without_the_model_searches_by_keyword_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise ImportError("the package is not installed")

    monkeypatch.setattr(hybrid, "deep_model", missing)
    assert isinstance(open_index(tmp_path, WEIGHTS), MemoryIndex)


def test_an_installation_with_the_extra_searches_on_disk(tmp_path: Path) -> None:
    index = open_index(tmp_path / "one", WEIGHTS)
    assert isinstance(index, HybridIndex)
    index.close()


def test_it_can_be_asked_changed_and_bettered_at_once(tmp_path: Path) -> None:
    index = HybridIndex(tmp_path, WEIGHTS)
    index.refresh(TOOLS)

    def change() -> None:
        for turn in range(6):
            extra = [ToolDocument("s", f"tool_{turn}_{n}", f"Does thing {n}.", {}, "read") for n in range(40)]
            index.refresh([*TOOLS, *extra])

    def better() -> None:
        for _ in range(20):
            index.improve(7)

    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(change), pool.submit(better)]
        asked = [pool.submit(first, index, "purchases of a customer") for _ in range(100)]
    assert {one.result() for one in asked} == {"list_orders"}
    assert [one.result() for one in work] == [None, None]
    while index.improve(1_000):
        pass
    assert first(index, "my car is broken") == "book_repair"
    again = HybridIndex(tmp_path, WEIGHTS)
    assert again.improve(0) == 0
    assert first(again, "my car is broken") == "book_repair"
