"""Files and functions stay small. What is over the aim is listed in `sizes.toml` and may only shrink.

The aim is 400 lines a file and 40 a function; the bound is 600 (tests: 800) and 80. `sizes.toml` names what lies
between, with its size: a name may leave the list and a number may go down, and neither comes back unseen.
"""

import ast
import tomllib
from pathlib import Path

from tests.architecture.tree import files, functions, inner_functions, none_of, read

_AIM = {"files": 400, "functions": 40}
_SLACK = 20  # a listed number that lies further above the truth than this must be lowered
_FUNCTION_BOUND = 80


def _sources() -> list[str]:
    python = [name for name in files(".py") if name.startswith(("src/", "tests/", "bench/", "scripts/"))]
    web = [name for name in files(".ts", ".tsx", ".css") if name.startswith("ui/") and "generated" not in name]
    return python + web


def _bound(name: str) -> int:
    return 800 if name.startswith("tests/") else 600


def _file_sizes() -> dict[str, int]:
    return {name: read(name).count("\n") for name in _sources()}


def _function_sizes() -> dict[str, int]:
    found: dict[str, int] = {}
    for name in _sources():
        if name.endswith(".py") and not name.startswith(("tests/", "src/swarmstead/storage/migrations/")):
            for node, lines in functions(name):
                key = f"{name} {node.name}"
                found[key] = max(lines, found.get(key, 0))
    return found


def _listed() -> dict[str, dict[str, int]]:
    return tomllib.loads(Path(__file__).with_name("sizes.toml").read_text(encoding="utf-8"))


def _against_ratchet(kind: str, sizes: dict[str, int]) -> list[str]:
    listed = _listed()[kind]
    over = {name: size for name, size in sizes.items() if size > _AIM[kind]}
    wrong = [
        f"{name} has {size} lines, the list allows {listed.get(name, _AIM[kind])}: split it"
        for name, size in over.items()
        if size > listed.get(name, _AIM[kind])
    ]
    wrong += [f"{name} is within the aim, or gone: take it off the list" for name in listed if name not in over]
    wrong += [
        f"{name} shrank to {size} lines: lower its number in the list"
        for name, size in over.items()
        if name in listed and listed[name] > size + _SLACK
    ]
    return wrong


def test_no_file_is_over_its_bound() -> None:
    none_of(f"{name} {size}" for name, size in _file_sizes().items() if size > _bound(name))


def test_no_function_is_over_its_bound() -> None:
    none_of(f"{name} {size}" for name, size in _function_sizes().items() if size > _FUNCTION_BOUND)


def test_files_only_shrink() -> None:
    none_of(_against_ratchet("files", _file_sizes()))


def test_functions_only_shrink() -> None:
    none_of(_against_ratchet("functions", _function_sizes()))


def test_public_functions_say_what_they_promise() -> None:
    """Every public function has a docstring. One inside of another is nobody's to call; migrations are all alike."""
    bare = [
        f"{name}:{node.lineno} {node.name}"
        for name in _sources()
        if name.startswith("src/") and name.endswith(".py") and "/migrations/" not in name
        for inner in [inner_functions(name)]
        for node, _ in functions(name)
        if not node.name.startswith("_") and node.lineno not in inner and ast.get_docstring(node) is None
    ]
    none_of(bare)
