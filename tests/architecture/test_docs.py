"""The docs can be followed: links lead somewhere, decisions and dependencies are listed."""

import re
import tomllib
from pathlib import Path

from tests.architecture.tree import ROOT, files, none_of, read

_LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")


def _pages() -> list[str]:
    return list(files(".md"))


def _prose(name: str) -> str:
    return _CODE.sub("", _FENCE.sub("", read(name)))


def _anchors(name: str) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    found: dict[str, int] = {}
    out: set[str] = set()
    for heading in re.findall(r"^#{1,6}\s+(.+?)\s*#*$", _FENCE.sub("", read(name)), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.replace("`", ""))
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        count = found.get(slug, 0)
        found[slug] = count + 1
        out.add(f"{slug}-{count}" if count else slug)
    return out


def _broken(name: str) -> list[str]:
    wrong: list[str] = []
    for target in _LINK.findall(_prose(name)):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        path, _, anchor = target.partition("#")
        page = Path(name).parent / path if path else Path(name)
        if not (ROOT / page).exists():
            wrong.append(f"{name}: {target} does not exist")
        elif anchor and page.suffix == ".md" and anchor not in _anchors(str(page)):
            wrong.append(f"{name}: {target} has no such heading")
    return wrong


def test_relative_links_resolve() -> None:
    none_of(problem for name in _pages() for problem in _broken(name))


def test_every_page_can_be_reached_from_the_map() -> None:
    listed = {(Path("docs") / target.partition("#")[0]).as_posix() for target in _LINK.findall(_prose("docs/index.md"))}
    pages = {name for name in _pages() if name.startswith("docs/") and name != "docs/index.md"}
    none_of(pages - listed)


def test_decisions_are_numbered_and_shaped_alike() -> None:
    records = sorted(name for name in _pages() if name.startswith("docs/adr/"))
    assert [int(Path(name).name[:4]) for name in records] == list(range(1, len(records) + 1))
    for name in records:
        headings = re.findall(r"^## (.+)$", read(name), re.MULTILINE)
        assert headings == ["Context", "Decision", "Measured", "Consequences"], name


def test_every_dependency_has_its_line() -> None:
    project = tomllib.loads(read("pyproject.toml"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = {re.split(r"[^A-Za-z0-9_.-]", line)[0] for line in wanted}
    listed = set(re.findall(r"^\| `([^`\[]+)", read("docs/dependencies.md"), re.MULTILINE))
    none_of(names - listed)
    none_of(listed - names)


def test_every_term_stands_once_in_the_glossary() -> None:
    terms = re.findall(r"^\*\*(.+?)\*\*", read("docs/glossary.md"), re.MULTILINE)
    assert terms == sorted(terms, key=str.lower)
    assert len(terms) == len(set(terms))
