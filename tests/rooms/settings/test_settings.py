"""Settings are checked at start: what is wrong is named by its variable, and secrets stay out of sight."""

from dataclasses import FrozenInstanceError, asdict
from pathlib import Path

import pytest

from swarmstead.kernel.errors import BadInput
from swarmstead.settings import load

CANARY = "canary-0123456789-canary"


def test_everything_has_a_default_that_keeps_to_this_machine() -> None:
    settings = load({})
    assert settings.host == "127.0.0.1"
    assert settings.single_process
    assert settings.url == f"sqlite:///{Path('data').resolve() / 'stead.db'}"


def test_variables_are_read_and_options_win() -> None:
    environment = {"STEAD_PORT": "9000", "STEAD_HOST": "0.0.0.0", "STEAD_LOG_LEVEL": "DEBUG", "PORT": "1"}
    settings = load(environment, port=9001, host=None)
    assert (settings.port, settings.host, settings.log_level) == (9001, "0.0.0.0", "debug")


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    assert load({"STEAD_PORT": "", "STEAD_DATABASE_URL": ""}) == load({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("DATABASE_URL", "mysql://localhost/stead"),
        ("DATABASE_URL", "stead.db"),
        ("DATABASE_URL", "postgresql://[::1/stead"),
        ("DATABASE_URL", "postgresql://host:port/stead"),
        ("DATABASE_URL", "postgresql://stead:pass/word@host/stead"),
        ("USER_DAY_USD", "five"),
        ("USER_DAY_USD", "-5"),
        ("TENANT_DAY_USD", "NaN"),
        ("TENANT_DAY_USD", "1e30"),
        ("CALL_TIMEOUT_S", "0"),
        ("CALL_TIMEOUT_S", "nan"),
        ("CALL_TIMEOUT_S", "inf"),
        ("PLAN_LIFE_S", "9"),
        ("MAX_BODY_BYTES", "4 MB"),
        ("EGRESS_PUBLIC", "perhaps"),
        ("CONFIG_OWNER", "Team A"),
        ("CONFIG_OWNER", "-"),
        ("LOG_LEVEL", "loud"),
        ("LOG_JSON", "perhaps"),
        ("ALLOWED_PATHS", "~nobody-of-that-name/src"),
        ("PUBLIC_URL", "stead.example.org"),
        ("PUBLIC_URL", "ftp://stead.example.org"),
        ("PUBLIC_URL", "https://"),
        ("OTLP_ENDPOINT", "collector:4318"),
        ("OTLP_ENDPOINT", "http://user:password@collector:4318"),
        ("OTLP_ENDPOINT", "https://collector/?token=t"),
        ("OTLP_HEADERS", "authorization"),
        ("OTLP_HEADERS", "authorization=Bearer"),
        ("OTLP_HEADERS", "auth orization=env:TOKEN"),
        ("TRACE_CALLS", "1.1"),
        ("TRACE_RUNS", "-0.1"),
        ("TRACE_FOLLOWED_PER_S", "-1"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_variable(name: str, value: str) -> None:
    with pytest.raises(BadInput) as caught:
        load({f"STEAD_{name}": value})
    error = caught.value
    assert error.field == f"STEAD_{name}"
    assert f"STEAD_{name}" in error.way_out
    assert error.exit_code == 2


def test_an_option_that_does_not_exist_is_refused() -> None:
    with pytest.raises(BadInput, match="prot"):
        load({}, prot=80)


def test_allowed_paths_are_split_and_the_home_folder_is_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    settings = load({"STEAD_ALLOWED_PATHS": "/srv/a:~/src::/srv/with space"})
    assert settings.allowed_paths == (Path("/srv/a"), Path("/home/ada/src"), Path("/srv/with space"))


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://u@h/stead", "postgresql://u@h/stead"),
        ("postgresql://u@h:5433/stead?sslmode=require", "postgresql://u@h:5433/stead?sslmode=require"),
    ],
)
def test_a_postgres_address_means_many_workers(given: str, used: str) -> None:
    settings = load({"STEAD_DATABASE_URL": given})
    assert settings.url == used
    assert not settings.single_process


def test_secrets_do_not_show() -> None:
    settings = load({"STEAD_BOOTSTRAP_KEY": CANARY, "STEAD_DATABASE_URL": f"postgresql://stead:{CANARY}@h/stead"})
    assert CANARY not in f"{settings!r} {settings} {asdict(settings)}"
    assert settings.bootstrap_key.get_secret_value() == CANARY


@pytest.mark.parametrize("url", [f"mysql://stead:{CANARY}@h/stead", f"postgresql://stead:{CANARY}/{CANARY}@h/stead"])
def test_a_secret_in_a_bad_value_does_not_show_in_the_error_or_its_cause(url: str) -> None:
    with pytest.raises(BadInput) as caught:
        load({"STEAD_DATABASE_URL": url})
    assert CANARY not in f"{caught.value.problem()} {caught.value.__cause__} {caught.value.__cause__!r}"


def test_a_secret_that_is_pasted_for_a_collector_is_not_repeated() -> None:
    for name, value in (
        ("OTLP_HEADERS", f"authorization={CANARY}"),
        ("OTLP_ENDPOINT", f"https://{CANARY}@collector"),
        ("OTLP_ENDPOINT", f"https://collector?key={CANARY}"),
    ):
        with pytest.raises(BadInput) as caught:
            load({f"STEAD_{name}": value})
        assert CANARY not in f"{caught.value.problem()} {caught.value.__cause__!r}"


def test_a_collector_may_be_named_as_the_standard_has_it_and_ours_wins() -> None:
    theirs = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://theirs:4318"}
    assert load(theirs).otlp_endpoint == "http://theirs:4318"
    assert load(theirs | {"STEAD_OTLP_ENDPOINT": "http://ours:4318"}).otlp_endpoint == "http://ours:4318"
    headers = load({"STEAD_OTLP_HEADERS": " X-Token=env:TOKEN  x-tenant=file:/run/tenant "}).otlp_headers
    assert headers == {"x-token": "env:TOKEN", "x-tenant": "file:/run/tenant"}


def test_settings_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        load({}).port = 1  # pyright: ignore[reportAttributeAccessIssue]


def test_a_setting_that_is_misspelt_is_named_and_others_are_left_alone() -> None:
    with pytest.raises(BadInput, match=r"no setting STEAD_PROT; STEAD_PORT reads like it") as caught:
        load({"STEAD_PROT": "1"})
    assert caught.value.field == "STEAD_PROT"
    load({"STEAD_KEY": "k", "STEAD_SERVER": "http://127.0.0.1:1", "STEADY": "1"})
