"""How names and requests become words, and tasks become steps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmstead.gateway.search.text import spaced, steps, tool_words, words


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("getHTTPStatus_v2", "get HTTP Status v2"),
        ("list-pods.all", "list pods all"),
        ("S3PutObject", "S3 Put Object"),
        ("plain", "plain"),
    ],
)
def test_identifiers_fall_apart_where_people_would_cut_them(identifier: str, expected: str) -> None:
    assert spaced(identifier) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("listing pods", "listPods"),
        ("policies", "policy"),
        ("updated", "update"),
        ("queries", "query"),
        ("runs", "run"),
    ],
)
def test_forms_of_a_word_meet(one: str, other: str) -> None:
    assert set(words(one)) & set(words(other))


def test_words_that_say_nothing_in_a_request_are_dropped() -> None:
    assert words("Can you please help me with the weather?") == ["weather"]


def test_a_name_counts_twice_and_parameters_count() -> None:
    assert tool_words("getWeather", "Forecast of a city", {"zip_code": "where"}) == [
        "weather",
        "weather",
        "forecast",
        "city",
        "zip",
        "code",
    ]


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("Restart the pod", ["Restart the pod"]),
        ("Find cheap flights to Rome. Book a hotel there!", ["Find cheap flights to Rome", "Book a hotel there"]),
        ("Read the invoice and send it to Ann", ["Read the invoice", "send it to Ann"]),
        ("Query the failed jobs, then restart the worker", ["Query the failed jobs", "restart the worker"]),
        ("Scale up the web deployment; notify the team", ["Scale up the web deployment", "notify the team"]),
        ("Compare cats and dogs in pictures", ["Compare cats and dogs in pictures"]),
        ("Hello! Show open incidents", ["Hello Show open incidents"]),
    ],
)
def test_a_task_is_cut_where_something_new_begins(task: str, expected: list[str]) -> None:
    assert steps(task) == expected


def test_a_task_has_eight_steps_at_most() -> None:
    assert len(steps(" ".join(f"Restart server number {n}." for n in range(100)))) == 8


@given(st.text(max_size=300))
def test_any_text_has_words_and_at_least_one_step(text: str) -> None:
    assert all(word and word == word.lower() for word in words(text))
    assert 1 <= len(steps(text)) <= 8


def test_a_huge_text_is_cut_not_chewed() -> None:
    assert len(words("word " * 1_000_000)) <= 1_000
    assert steps("," * 1_000_000)
    assert steps("and then " * 100_000)
