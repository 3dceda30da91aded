"""The tables in `docs/benchmarks.md`, each between marks of its own, to be written down again and again."""

from pathlib import Path

_PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def write(name: str, shown: str) -> None:
    """Put what was measured between the marks of `name`. Fails: ValueError when the page has none."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = _PAGE.read_text(encoding="utf-8").partition(begin)
    _, mark, after = rest.partition(end)
    if not mark:
        raise ValueError(f"docs/benchmarks.md lacks the marks {begin} and {end}")
    _PAGE.write_text(f"{before}{begin}\n\n{shown}\n\n{end}{after}", encoding="utf-8")
