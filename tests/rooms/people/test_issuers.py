"""JWTs of issuers: what is believed, and what is not, whoever made it."""

import asyncio
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest

from swarmstead.people.contract import Identity, IdentityProviderSpec
from swarmstead.people.errors import IssuerAway, TokenRefused
from swarmstead.people.issuers import Issuers
from swarmstead.people.keysets import FRESH_MS, KEPT_MS, RETRY_MS
from tests.clocks import START_MS, MovableClock
from tests.rooms.people.paper import AUDIENCE, EC, ED, ISSUER, OTHER_RSA, RSA, WEAK_RSA, Paper, claims, token

NOW_S = START_MS // 1000
SPEC = IdentityProviderSpec(ISSUER, AUDIENCE, tenant="acme")
Make = Callable[..., Issuers]


class Heard:
    """Counts how often what was verified before has to be forgotten."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def issuers(clock: MovableClock, fetch: Paper, *specs: IdentityProviderSpec, changed: Heard | None = None) -> Issuers:
    named = {f"idp-{number}": spec for number, spec in enumerate(specs or (SPEC,), 1)}
    return Issuers(clock, fetch, named, changed or Heard())


async def verified(
    clock: MovableClock, text: str, *specs: IdentityProviderSpec, fetch: Paper | None = None
) -> Identity:
    return (await issuers(clock, fetch or Paper(RSA, EC, ED), *specs).verify(text))[0]


async def refused(clock: MovableClock, text: str, why: str, *specs: IdentityProviderSpec) -> None:
    fetch = Paper(RSA, EC, ED)
    with pytest.raises(TokenRefused, match=why) as caught:
        await issuers(clock, fetch, *specs).verify(text)
    assert text not in str(caught.value.problem())


async def test_a_good_token_says_who_for_which_tenant_in_which_roles_and_until_when(clock: MovableClock) -> None:
    found = await verified(clock, token(claims(name="Ada")))
    assert (found.scope.tenant, found.means, found.expires_at) == ("acme", "jwt", (NOW_S + 600) * 1000)
    actor = found.scope.actor
    assert (actor.id, actor.name, actor.kind, actor.roles) == ("oidc:idp-1:ada", "Ada", "user", {"operator"})
    assert not found.scope.derived


@pytest.mark.parametrize(("key", "alg"), [(RSA, "RS256"), (EC, "ES256"), (ED, "Ed25519")])
async def test_each_kind_of_key(clock: MovableClock, key: Any, alg: str) -> None:
    assert (await verified(clock, token(claims(), key, alg))).scope.tenant == "acme"


async def test_eddsa_by_its_old_name_is_taken_without_a_warning(clock: MovableClock) -> None:
    signed = token(claims(), ED, "Ed25519").split(".")
    head = urlsafe_b64encode(json.dumps({"alg": "EdDSA", "kid": "ed"}).encode()).rstrip(b"=").decode()
    private: Any = ED.private_key
    signature = urlsafe_b64encode(private.sign(f"{head}.{signed[1]}".encode())).rstrip(b"=").decode()
    assert (await verified(clock, f"{head}.{signed[1]}.{signature}")).scope.tenant == "acme"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"exp": NOW_S - 61}, "has expired"),
        ({"exp": None}, "when it expires"),
        ({"exp": "soon"}, "exp is no time"),
        ({"exp": True}, "exp is no time"),
        ({"exp": float("inf")}, "exp is no time"),
        ({"nbf": NOW_S + 61}, "not valid yet"),
        ({"iat": NOW_S + 61}, "made in the future"),
        ({"iss": "https://other.example"}, "issuer is not known"),
        ({"iss": f"{ISSUER}/"}, "issuer is not known"),
        ({"iss": None}, "issuer is not known"),
        ({"aud": "https://other.example"}, "another audience"),
        ({"aud": ["https://other.example"]}, "another audience"),
        ({"aud": {AUDIENCE: 1}}, "another audience"),
        ({"aud": None}, "another audience"),
        ({"sub": None}, "names no subject"),
        ({"sub": ""}, "names no subject"),
        ({"sub": 7}, "names no subject"),
        ({"sub": "a\nb"}, "names no subject"),
    ],
    ids=str,
)
async def test_claims_that_do_not_hold(clock: MovableClock, more: dict[str, Any], why: str) -> None:
    await refused(clock, token(claims(**more)), why)


@pytest.mark.parametrize(
    "more", [{"exp": NOW_S - 59}, {"nbf": NOW_S + 59}, {"iat": NOW_S + 59}, {"aud": ["x", AUDIENCE]}]
)
async def test_clocks_may_be_a_minute_apart_and_audiences_several(clock: MovableClock, more: dict[str, Any]) -> None:
    assert (await verified(clock, token(claims(**more)))).scope.tenant == "acme"


def _unsigned(said: dict[str, Any], **header: Any) -> str:
    parts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, said)]
    return f"{parts[0]}.{parts[1]}."


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", None, 7, ["RS256"]])
async def test_a_token_without_a_signature(clock: MovableClock, alg: Any) -> None:
    await refused(clock, _unsigned(claims(), alg=alg, kid="rsa"), "algorithm is not taken")


async def test_a_public_key_is_no_shared_secret(clock: MovableClock) -> None:
    """The classic: HS256, with the issuer's public key as the secret."""
    text = _unsigned(claims(), alg="HS256", kid="rsa").removesuffix(".")
    for secret in (RSA.as_pem(private=False), RSA.as_der(private=False)):
        mac = urlsafe_b64encode(hmac.digest(secret, text.encode(), "sha256")).rstrip(b"=").decode()
        await refused(clock, f"{text}.{mac}", "algorithm is not taken")


async def test_an_algorithm_that_is_not_allowed_here_or_not_for_this_key(clock: MovableClock) -> None:
    await refused(clock, token(claims(), RSA, "PS256"), "algorithm is not taken")
    only_ec = IdentityProviderSpec(ISSUER, AUDIENCE, tenant="acme", algorithms=("ES256",))
    await refused(clock, token(claims()), "algorithm is not taken", only_ec)
    await refused(clock, token(claims(), RSA, "RS256", kid="ec"), "not signed by a key")
    await refused(clock, _unsigned(claims(), alg="ES256", kid="rsa") + "AAAA", "not signed by a key")


async def test_a_key_set_may_bind_a_key_to_one_algorithm(clock: MovableClock) -> None:
    bound = RSA.as_dict(private=False) | {"alg": "RS384"}
    with pytest.raises(TokenRefused, match="not signed by a key"):
        await verified(clock, token(claims()), fetch=Paper(bound))


async def test_signed_by_somebody_else_under_the_same_key_id(clock: MovableClock) -> None:
    await refused(clock, token(claims(), OTHER_RSA), "signature does not hold")
    good = token(claims()).split(".")
    richer = urlsafe_b64encode(json.dumps(claims(roles=["admin"])).encode()).rstrip(b"=").decode()
    await refused(clock, f"{good[0]}.{richer}.{good[2]}", "signature does not hold")
    await refused(clock, f"{good[0]}.{good[1]}.", "signature does not hold")


@pytest.mark.parametrize("kid", ["../../etc/passwd", "' OR 1=1 --", "rsa\0", "x" * 3000, ""])
async def test_a_key_id_is_a_name_and_nothing_else(clock: MovableClock, kid: str) -> None:
    await refused(clock, token(claims(), OTHER_RSA, kid=kid), "not signed by a key")


@pytest.mark.parametrize("kid", [7, ["rsa"], {"kid": "rsa"}])
async def test_a_key_id_is_a_text(clock: MovableClock, kid: Any) -> None:
    await refused(clock, _unsigned(claims(), alg="RS256", kid=kid) + "AAAA", "key id is no text")


async def test_keys_in_or_behind_the_header_are_never_looked_at(clock: MovableClock) -> None:
    mine = OTHER_RSA.as_dict(private=False)
    header: dict[str, Any] = {"jwk": mine, "jku": "https://evil.example/keys", "x5u": "https://evil.example/x5u"}
    fetch = Paper()
    with pytest.raises(TokenRefused, match="signature does not hold"):
        await issuers(clock, fetch).verify(token(claims(), OTHER_RSA, **header))
    assert {url.partition("/.")[0].removesuffix("/keys") for url in fetch.asked} == {ISSUER}
    extended = _unsigned(claims(), alg="RS256", kid="rsa", crit=["b64"], b64=False) + "AAAA"
    await refused(clock, extended, "extension that is not known")


@pytest.mark.parametrize("kind", ["logout+jwt", "dpop+jwt", "secevent+jwt", 7])
async def test_tokens_made_for_something_else(clock: MovableClock, kind: Any) -> None:
    text = _unsigned(claims(), alg="RS256", kid="rsa", typ=kind) + "AAAA"
    await refused(clock, text, "not an access token")


@pytest.mark.parametrize(
    "text", ["eyJ.eyJ.x", "eyJ..", "eyJhIjoxfQ.eyJ.x", "eyJbXQ.e30.x", f"eyJ{'a' * 20_000}.e30.x", "a.b"]
)
async def test_what_is_no_jwt_at_all(clock: MovableClock, text: str) -> None:
    await refused(clock, text, "is not a JWT")


# Tenants -------------------------------------------------------------------------------------------------------------

BY_CLAIM = IdentityProviderSpec(ISSUER, AUDIENCE, tenant_claim="org", tenants={"Acme Inc": "acme", "42": "other"})


async def test_a_claim_picks_among_the_tenants_that_the_operator_wrote_down(clock: MovableClock) -> None:
    assert (await verified(clock, token(claims(org="Acme Inc")), BY_CLAIM)).scope.tenant == "acme"
    assert (await verified(clock, token(claims(org="42")), BY_CLAIM)).scope.tenant == "other"


@pytest.mark.parametrize("org", [None, "acme", "other", "third", 42, ["Acme Inc"], ""])
async def test_a_claim_makes_no_tenant(clock: MovableClock, org: Any) -> None:
    await refused(clock, token(claims(org=org)), "names no tenant", BY_CLAIM)


async def test_an_issuer_of_one_tenant_cannot_name_another(clock: MovableClock) -> None:
    found = await verified(clock, token(claims(tenant="other", org="42", tenant_id="other")))
    assert found.scope.tenant == "acme"


async def test_two_tenants_of_one_issuer_are_told_apart_by_audience(clock: MovableClock) -> None:
    mine = IdentityProviderSpec(ISSUER, "for-acme", tenant="acme")
    theirs = IdentityProviderSpec(ISSUER, "for-other", tenant="other")
    assert (await verified(clock, token(claims(aud="for-other")), mine, theirs)).scope.tenant == "other"
    await refused(clock, token(claims(aud=["for-acme", "for-other"])), "more than one audience", mine, theirs)


async def test_required_claims(clock: MovableClock) -> None:
    spec = IdentityProviderSpec(
        ISSUER, AUDIENCE, tenant="acme", required_claims={"groups": "stead", "hd": "acme.example"}
    )
    good = claims(groups=["a", "stead"], hd="acme.example")
    assert (await verified(clock, token(good), spec)).scope.tenant == "acme"
    for lacking in (good | {"groups": ["steady"]}, good | {"hd": "evil.example"}, claims(hd="acme.example")):
        await refused(clock, token(lacking), "not what this server asks for", spec)


# Roles ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "said", "roles"),
    [
        ({}, {"roles": ["admin", "root", 7]}, {"admin"}),
        ({}, {"roles": "viewer operator"}, {"viewer", "operator"}),
        ({}, {"roles": None}, set[str]()),
        ({}, {"roles": {"admin": True}}, set[str]()),
        ({"role_map": {"sre": "operator"}}, {"roles": ["sre", "admin"]}, {"operator"}),
        ({"role_map": {"The SREs": "admin"}}, {"roles": "The SREs"}, {"admin"}),
        ({"roles_claim": "realm_access.roles"}, {"realm_access": {"roles": ["viewer"]}}, {"viewer"}),
        ({"roles_claim": "https://x.example/roles"}, {"https://x.example/roles": ["viewer"]}, {"viewer"}),
        ({"roles_claim": "a.b.c"}, {"a": {"b": 7}}, set[str]()),
        ({"roles": ("viewer",)}, {"roles": ["system"]}, {"viewer"}),
    ],
)
async def test_roles_come_from_the_claim_by_the_map(
    clock: MovableClock, spec: dict[str, Any], said: dict[str, Any], roles: set[str]
) -> None:
    found = await verified(clock, token(claims(**said)), IdentityProviderSpec(ISSUER, AUDIENCE, tenant="acme", **spec))
    assert found.scope.actor.roles == roles


async def test_subjects_stay_apart_however_long_they_are(clock: MovableClock) -> None:
    names = ["a" * 200, "a" * 201, "sha256-" + "0" * 48, "x"]
    ids = [(await verified(clock, token(claims(sub=name)))).scope.actor.id for name in names]
    assert len(set(ids)) == len(names)
    assert all(len(one) <= 128 for one in ids)


# Keys ----------------------------------------------------------------------------------------------------------------


async def test_keys_are_read_once_and_again_when_they_are_old(clock: MovableClock) -> None:
    fetch = Paper()
    found = issuers(clock, fetch)
    for _ in range(3):
        await found.verify(token(claims()))
    assert len(fetch.asked) == 2
    clock.advance(ms=FRESH_MS + 1)
    later = token(claims(exp=NOW_S + 9000))
    await found.verify(later)
    assert len(fetch.asked) == 2  # nobody waits for it
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(fetch.asked) == 4
    await found.aclose()


async def test_a_new_key_is_found_at_once_and_made_up_ones_ask_rarely(clock: MovableClock) -> None:
    fetch, changed = Paper(), Heard()
    found = issuers(clock, fetch, changed=changed)
    await found.verify(token(claims()))
    fetch.keys(EC)
    clock.advance(ms=RETRY_MS)
    assert (await found.verify(token(claims(), EC, "ES256")))[0].scope.tenant == "acme"
    assert changed.times == 1  # the old key is gone: what it signed is looked at again
    asked = len(fetch.asked)
    for number in range(20):
        with pytest.raises(TokenRefused, match="not signed by a key"):
            await found.verify(token(claims(), RSA, kid=f"made-up-{number}"))
    assert len(fetch.asked) == asked
    with pytest.raises(TokenRefused, match="not signed by a key"):
        await found.verify(token(claims()))


async def test_the_last_good_keys_serve_while_the_issuer_is_away_but_not_for_ever(clock: MovableClock) -> None:
    fetch = Paper()
    found = issuers(clock, fetch)
    long = token(claims(exp=NOW_S + 90_000))
    await found.verify(long)
    fetch.away = True
    clock.advance(ms=FRESH_MS + KEPT_MS)
    assert (await found.verify(long))[0].scope.tenant == "acme"
    clock.advance(ms=RETRY_MS)
    with pytest.raises(IssuerAway):
        await found.verify(long)
    fetch.away = False
    clock.advance(ms=RETRY_MS)
    assert (await found.verify(long))[0].scope.tenant == "acme"


@pytest.mark.parametrize(
    ("place", "document"),
    [
        ("/.well-known/openid-configuration", {"issuer": "https://evil.example", "jwks_uri": f"{ISSUER}/keys"}),
        ("/.well-known/openid-configuration", {"issuer": ISSUER, "jwks_uri": "http://plain.example/keys"}),
        ("/.well-known/openid-configuration", {"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"}),
        ("/.well-known/openid-configuration", {"issuer": ISSUER}),
        ("/.well-known/openid-configuration", []),
        ("/keys", {"keys": {}}),
        ("/keys", []),
    ],
)
async def test_documents_that_cannot_be_used(clock: MovableClock, place: str, document: Any) -> None:
    fetch = Paper()
    fetch.documents[ISSUER + place] = json.dumps(document).encode()
    with pytest.raises(IssuerAway, match="cannot be read now"):
        await issuers(clock, fetch).verify(token(claims()))
    fetch.documents[ISSUER + place] = b"\xff not JSON"
    clock.advance(ms=RETRY_MS)
    with pytest.raises(IssuerAway):
        await issuers(clock, fetch).verify(token(claims()))


async def test_unusable_keys_are_passed_over(clock: MovableClock) -> None:
    odd: list[Any] = [
        "text",
        {},
        {"kty": "RSA"},
        {"kty": "EC", "crv": "P-999"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "rsa"},
    ]
    encrypting = OTHER_RSA.as_dict(private=False) | {"use": "enc", "kid": "enc"}
    fetch = Paper(*[one for one in odd if isinstance(one, dict)], encrypting, WEAK_RSA, RSA)
    found = issuers(clock, fetch)
    assert (await found.verify(token(claims())))[0].scope.tenant == "acme"
    for kid in ("enc", "weak"):
        with pytest.raises(TokenRefused, match="not signed by a key"):
            await found.verify(token(claims(), OTHER_RSA, kid=kid))


async def test_without_a_key_id_there_must_be_no_choice(clock: MovableClock) -> None:
    bare = token(claims(), RSA, kid=None)
    assert (await verified(clock, bare, fetch=Paper(RSA, EC))).scope.tenant == "acme"
    second = OTHER_RSA.as_dict(private=False) | {"kid": "second"}
    with pytest.raises(TokenRefused, match="not signed by a key"):
        await verified(clock, bare, fetch=Paper(RSA, second))


async def test_many_callers_at_once_ask_the_issuer_once(clock: MovableClock) -> None:
    fetch = Paper()
    found = issuers(clock, fetch)
    await asyncio.gather(*(found.verify(token(claims(sub=str(number)))) for number in range(20)))
    assert len(fetch.asked) == 2


async def test_other_providers_take_over_and_what_was_verified_is_forgotten(clock: MovableClock) -> None:
    changed = Heard()
    found = issuers(clock, Paper(), changed=changed)
    await found.verify(token(claims()))
    found.replace({"new": IdentityProviderSpec(ISSUER, AUDIENCE, tenant="other")})
    assert changed.times == 1
    assert (await found.verify(token(claims())))[0].scope.tenant == "other"
    found.replace({})
    assert found.urls == []
    with pytest.raises(TokenRefused, match="issuer is not known"):
        await found.verify(token(claims()))
