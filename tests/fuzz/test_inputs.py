"""What fuzzing has found stays mended, and where it begins is sound."""

from collections.abc import Iterator

import pytest

from tests.fuzz.seeds import FOUND, seeds
from tests.fuzz.targets import TARGETS


def _found() -> Iterator[tuple[str, str, bytes]]:
    for target, inputs in seeds().items():
        yield from ((target, f"seed-{number}", data) for number, data in enumerate(inputs))
    yield from FOUND


@pytest.mark.parametrize(("target", "data"), [pytest.param(t, d, id=f"{t}-{n}") for t, n, d in _found()])
def test_an_input_is_taken_or_refused_in_our_own_words(target: str, data: bytes) -> None:
    TARGETS[target](data)


def test_every_target_has_somewhere_to_begin() -> None:
    assert seeds().keys() == TARGETS.keys()
