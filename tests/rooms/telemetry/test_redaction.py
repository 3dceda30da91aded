"""Credentials are taken out by their form and by the name of their field; ordinary text is left alone."""

import hashlib
import json
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmstead.kernel.hashing import digest
from swarmstead.kernel.ids import new_id
from swarmstead.people.handlers import KEY_MARK
from swarmstead.telemetry.contract import REDACTED, redact, redact_text

_ALNUM = "Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4zAb3dEf6hIj9kLm2nOp5q"
# Put together here, so that a scanner of this repository finds none.
CREDENTIALS = {
    "AWS access key": "AKIA" + "ABCDEFGHIJ234567",
    "AWS session key": "ASIA" + "ABCDEFGHIJ234567",
    "GitHub token": "ghp_" + _ALNUM[:36],
    "GitHub app token": "ghs_" + _ALNUM[:36],
    "GitHub fine-grained token": "github_pat_" + _ALNUM[:22] + "_" + _ALNUM[:40],
    "GitLab token": "glpat-" + _ALNUM[:20],
    "Slack token": "xoxb-" + "123456789012-" + _ALNUM[:24],
    "OpenAI key": "sk-" + _ALNUM[:48],
    "OpenAI project key": "sk-proj-" + _ALNUM[:20] + "_" + _ALNUM[:20] + "-" + _ALNUM[:8],
    "Anthropic key": "sk-ant-" + "api03-" + _ALNUM[:40],
    "Swarmstead key": KEY_MARK + _ALNUM[:43],
    "Google key": "AIza" + _ALNUM[:35],
    "JWT": "eyJ" + _ALNUM[:20] + ".eyJ" + _ALNUM[:30] + "." + _ALNUM[:43],
    "private key": "-----BEGIN " + "RSA PRIVATE KEY-----\n" + _ALNUM + "\n-----END RSA PRIVATE KEY-----",
    "private key that is cut off": "-----BEGIN " + "PRIVATE KEY-----\n" + _ALNUM,
}
PASSWORD = "canary" + "-pass.word"
URLS = [
    f"postgresql://stead:{PASSWORD}@db.internal:5432/stead",
    f"redis://:{PASSWORD}@cache:6379/0",
    f"https://ci:{PASSWORD}@git.example.org/a/b.git",
    f"amqp://a:b:{PASSWORD}@host",
    f"postgres://stead:p@{PASSWORD}@db/stead",
    f"(see http://u:{PASSWORD}@h), please",
]


@pytest.mark.parametrize("name", CREDENTIALS)
@pytest.mark.parametrize("around", ["{}", "export KEY={}\n", '"{}"', "Bearer {}", "https://host/?t={}&x=1", "({})"])
def test_a_credential_is_found_by_its_form(name: str, around: str) -> None:
    secret = CREDENTIALS[name]
    found = redact_text(around.format(secret))
    assert REDACTED in found
    assert secret not in found
    assert _ALNUM[5:20] not in found


STARTS = [
    *("eyJ-", "eyJ.eyJ", "eyJaaaaaaaaaa.", "://a:", "://", "gh", "ghp_", "xoxb-", "sk-", "AIza", "AKIA", "glpat-"),
    *("-----BEGIN ", "-----BEGIN A ", "-----BEGIN PRIVATE KEY-----", "github_pat_", "stead_", "eyJhbGciOi.eyJ"),
]


@pytest.mark.parametrize("start", STARTS)
def test_a_text_full_of_beginnings_ends(start: str) -> None:
    """In a second, not in an hour: where each beginning is followed to the end of the text, this test hangs."""
    assert redact_text("kept " + start * (2_000_000 // len(start))).startswith("kept ")


@pytest.mark.parametrize("url", URLS)
def test_a_password_in_an_address_is_found_and_the_rest_stays_readable(url: str) -> None:
    found = redact_text(url)
    assert PASSWORD not in found
    assert found == url.split("://", maxsplit=1)[0] + "://" + REDACTED + "@" + url.rsplit("@", 1)[1]


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "Password",
        "db_password",
        "dbPassword",
        "passwd",
        "passphrase",
        "secret",
        "client_secret",
        "clientSecret",
        "AWS_SECRET_ACCESS_KEY",
        "token",
        "accessToken",
        "refresh-token",
        "GITHUB_TOKEN",
        "api_key",
        "apiKey",
        "x-api-key",
        "OPENAI_API_KEY",
        "Authorization",
        "Set-Cookie",
        "credentials",
        "private_key",
        "privateKey",
    ],
)
def test_a_credential_is_found_by_the_name_of_its_field(name: str) -> None:
    for value in ("hunter2", ["hunter2"], {"a": ["hunter2"]}, {"user": "hunter2"}):
        found = redact({"kept": "plain", "deep": [{name: value}]})
        assert "hunter2" not in json.dumps(found)
        assert found["kept"] == "plain"


@pytest.mark.parametrize("name", CREDENTIALS)
def test_nothing_deep_inside_escapes(name: str) -> None:
    secret = CREDENTIALS[name]
    value: Any = {"text": secret, secret: 1, "list": [1, (secret, None), {"x": f"a {secret} b"}]}
    for _ in range(100):
        value = {"deeper": [value]}
    assert secret not in json.dumps(redact(value))
    assert secret not in json.dumps(redact(value["deeper"]))
    assert secret not in json.dumps(redact({"text": secret, secret: 1, "list": [(secret, None)]}))


@pytest.mark.parametrize(
    "value",
    [
        {"tokens": ["hunter2"]},
        {"credentials": {"user": "ada", "pw": "hunter2"}},
        [{"body": json.dumps({"password": "hunter2"})}],
        {"body": json.dumps({"secret": {"deep": json.dumps(["hunter2"])}})},
    ],
)
def test_a_text_that_is_json_is_redacted_as_json(value: Any) -> None:
    shown = redact_text(json.dumps(value))
    assert "hunter2" not in shown
    assert "hunter2" not in json.dumps(redact({"text": json.dumps(value)}))
    assert redact_text(shown) == shown
    json.loads(shown)


def test_a_text_that_is_json_stays_json() -> None:
    for words in (
        'API_TOKEN=abc12345" x',
        "API_TOKEN=abc12345\nmore",
        "API_TOKEN='abc12345'",
        "x=1 API_TOKEN=abc12345",
    ):
        for value in ({"line": words}, {"deep": json.dumps({"line": words})}):
            shown = redact_text(json.dumps(value))
            assert "abc12345" not in shown
            json.loads(shown)


def test_a_half_surrogate_pair_in_a_text_stays_as_harmless_as_it_was() -> None:
    shown = redact_text('{"tokens": ["hunter2"], "note": "half \\ud83d"}')
    assert "hunter2" not in shown
    shown.encode()


def test_a_deep_text_without_a_secret_stays() -> None:
    value: Any = {"key": 1, "quoted": '"'}
    for _ in range(60):
        value = [value]
    text = json.dumps(value)
    assert redact_text(text) == text


@pytest.mark.parametrize("length", [513, 5_000])
def test_a_long_value_of_a_pair_is_taken_out_whole(length: int) -> None:
    assert redact_text(f"DB_PASSWORD={'a1' * length} x") == f"DB_PASSWORD={REDACTED} x"


@pytest.mark.parametrize(
    "text",
    ["password=hunter2", "export DB_PASSWORD='hunter2'\n", "GET /a?x=1&token=hunter2&y=2", "secret=hunter2; a=b"],
)
def test_a_pair_that_is_named_like_a_credential(text: str) -> None:
    assert redact_text(text) == text.replace("hunter2", REDACTED)


ORDINARY = [
    '{"keys": [1, 2],  "tokens": {"input": 1}, "key_id": "k1"}',
    "token=read1() password=os.environ['A1'] secret=self.a1b2c3 api_key=${KEY1234} max_tokens=4096 passwd=password",
    "token = abc123def, key=abc123def, next_page_token=abc123def",
    hashlib.sha1(b"commit", usedforsecurity=False).hexdigest(),
    digest({"a": 1}),
    f"ghcr.io/acme/app@{digest('image')}",
    str(uuid.uuid5(uuid.NAMESPACE_URL, "x")),
    new_id("run", 1_795_340_315_123),
    "https://example.org:8443/a/b?c=d#e",
    "http://127.0.0.1:8700/api/v1/runs?cursor=abc@def",
    "see http://h:80 and mail ada@example.org",
    "git@github.com:acme/app.git",
    "ssh://git@example.org/acme/app.git",
    "/usr/lib/python3.11/site-packages/secrets.py",
    "password must have 12 characters",
    "def token(self): return self.api_key",
    "the sk-learn estimator, task-specific-instructions-for-the-agent, disk-usage-on-all-the-hosts",
    "stead_http_request_seconds_bucket",
    f"{KEY_MARK}AbCd…",
    "eyJhbGciOiJIUzI1NiJ9",
    '{"url":"http://h:80","mail":"ada@example.org"}',
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGbXjQ0Jc8a ada@laptop",
]


@pytest.mark.parametrize("text", ORDINARY, ids=map(str, range(len(ORDINARY))))
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert redact_text(text) == text


def test_ordinary_fields_are_left_alone() -> None:
    usage = {
        "input_tokens": 120,
        "tokens": {"input": 1, "output": 2},
        "max_output_tokens": 4096,
        "author": "Ada",
        "secretary": "Grace",
        "monkey": "business",
        "keyboard": "de",
        "tokenizer": "cl100k",
        "passed": "yes",
        "has_password": True,
        "token": None,
        "next_page_token": "CAUQAA",
        "nextPageToken": "CAUQAA",
        "password": "",
    }
    assert redact(usage) == usage


def test_a_copy_is_made_and_other_values_pass() -> None:
    value = {"password": "hunter2", "n": [1, 2.5, True, None]}
    assert redact(value) == {"password": REDACTED, "n": [1, 2.5, True, None]}
    assert value["password"] == "hunter2"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
def test_redacting_again_changes_nothing(value: Any) -> None:
    once = redact(value)
    assert redact(once) == once


def test_long_names_are_judged_like_short_ones() -> None:
    """Names of fields are remembered, but for long ones: whoever writes them must not fill the memory."""
    assert redact({"x" * 300 + "_token": "a", "x" * 300: "b"}) == {"x" * 300 + "_token": "[redacted]", "x" * 300: "b"}
    named = "AKIA" + "B" * 16 + "-" * 300
    assert redact({named: 1}) == {"[redacted]" + "-" * 300: 1}


@pytest.mark.parametrize("text", ["://:p@", "a://u:p@h"])
def test_the_shortest_credentials_are_found(text: str) -> None:
    assert redact(text) == text.replace("u:p", ":p").replace(":p@", "[redacted]@")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"password": "hunter2"}', f'{{"password": "{REDACTED}"}}'),
        (
            'it is {"user":"ann","apiKey" : "a\\"b"}, and',
            f'it is {{"user":"ann","apiKey" : "{REDACTED}"}}, and',
        ),
        ('[{"db": {"DB_PASSWORD": "hunter2\\\\"}}]', f'[{{"db": {{"DB_PASSWORD": "{REDACTED}"}}}}]'),
        ('{"secret": "it is cut of', f'{{"secret": "{REDACTED}'),
        ('{"tokens": 12, "token": "", "next_page_token": "n", "key": "Enter"}', None),
        ("password: see the manual", None),
    ],
)
def test_json_inside_of_a_text_shows_no_field_that_is_named_like_a_secret(text: str, shown: str | None) -> None:
    assert redact_text(text) == (text if shown is None else shown)


@pytest.mark.parametrize("start", ['"', '"a', '"a":', '"a":"', '"password":"', '"password":"x\\', '"a" ', 'pass"\\"'])
def test_a_text_full_of_beginnings_of_json_ends(start: str) -> None:
    assert redact_text('{"token" ' + start * (1_000_000 // len(start))).startswith('{"token"')
