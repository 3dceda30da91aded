"""Faults are told in our words, whatever the validator calls them."""

from typing import Any, get_args

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core.core_schema import ErrorType

from swarmstead.kernel.faults import in_words


class Form(BaseModel):
    """Something to fill in wrongly."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(min_length=1, max_length=5, pattern="^[a-z]+$")
    count: int = Field(0, ge=1, le=9)
    share: float = Field(0.5, gt=0, lt=1, allow_inf_nan=False)
    on: bool = False
    many: list[str] = Field(default_factory=list, max_length=2)
    more: dict[str, str] = Field(default_factory=dict)

    @field_validator("more")
    @classmethod
    def _check(cls, value: dict[str, str]) -> dict[str, str]:
        if "no" in value:
            raise ValueError("must say yes, or nothing")
        return value


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "this field is missing"),
        ({"name": "toolong"}, "must have at most 5 characters"),
        ({"name": ""}, "must have at least 1 character"),
        ({"name": "A"}, "must look like ^[a-z]+$"),
        ({"name": 1}, "must be text"),
        ({"name": "a", "count": 0}, "must be at least 1"),
        ({"name": "a", "count": 10}, "must be at most 9"),
        ({"name": "a", "count": "x"}, "must be a whole number"),
        ({"name": "a", "share": 0.0}, "must be more than 0.0"),
        ({"name": "a", "share": 1.0}, "must be less than 1.0"),
        ({"name": "a", "share": float("inf")}, "must be a number that is not infinite"),
        ({"name": "a", "on": "perhaps"}, "must be true or false"),
        ({"name": "a", "many": ["a", "b", "c"]}, "must have at most 2 entries"),
        ({"name": "a", "many": {}}, "must be a list"),
        ({"name": "a", "more": []}, "must be an object with fields"),
        ({"name": "a", "more": {"no": "no"}}, "must say yes, or nothing"),
        ({"name": "a", "other": 1}, "unknown field"),
    ],
)
def test_what_is_wrong_is_said_so_that_it_can_be_mended(given: Any, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Form.model_validate(given)
    assert in_words(caught.value.errors()[0]) == words  # pyright: ignore[reportArgumentType] - a TypedDict


@pytest.mark.parametrize("type_", get_args(ErrorType))
def test_no_text_of_the_library_comes_through(type_: str) -> None:
    said = in_words({"type": type_, "msg": "Input should be a valid instance", "ctx": {}})
    assert said
    assert "Input" not in said
