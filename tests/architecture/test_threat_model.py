"""What the threat model says is tested is tested."""

import re

from tests.architecture.tree import ROOT, none_of, read

PAGE = "docs/threat-model.md"
_NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")
_ROW = re.compile(r"^\| (?!threat|---)([^|]+)\|([^|]+)\|([^|]*)\|([^|]*)\|$", re.MULTILINE)


def _missing(path: str, test: str) -> bool:
    file = ROOT / "tests" / path
    return not file.exists() or not re.search(rf"^ *(?:async )?def {test}\(", file.read_text(), re.MULTILINE)


def test_each_test_that_the_threat_model_names_exists() -> None:
    none_of(f"{path}::{test}" for path, test in _NAMED.findall(read(PAGE)) if _missing(path, test))


def test_each_threat_has_a_test() -> None:
    rows = [row for row in _ROW.findall(read(PAGE)) if len(row) == 4]
    assert len(rows) > 40
    none_of(threat.strip() for threat, _, tests, _ in rows if not _NAMED.search(tests))
