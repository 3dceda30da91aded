"""Bodies of the API about people: sessions and keys."""

from typing import Annotated, Literal

from pydantic import Field

from swarmstead.doors.http.shapes import Shape


class ActorShape(Shape):
    """Who is signed in."""

    id: str
    name: str
    kind: str
    roles: list[str]


class EnvironmentShape(Shape):
    """An environment of the tenant."""

    name: str
    production: bool


class SessionShape(Shape):
    """Who the caller is and what they may do."""

    tenant: str
    actor: ActorShape
    permissions: list[str]
    environments: list[EnvironmentShape]
    version: str
    auth: Literal["key", "token", "session", "jwt", "certificate"]
    environment: str
    expires_at: str | None


class KeyShape(Shape):
    """An API key without its secret."""

    id: str
    name: str
    prefix: str
    roles: list[str]
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    certificate: str


class NewKeyShape(KeyShape):
    """A new key; `key` is shown this once, and is empty for one that is a client certificate."""

    key: str


class KeyIn(Shape):
    """A key to make."""

    name: Annotated[str, Field(min_length=1, max_length=120)]
    roles: Annotated[list[str], Field(min_length=1, max_length=4)]
    expires_in_s: Annotated[int | None, Field(ge=1, le=315_360_000)] = None
    certificate: Annotated[str, Field(max_length=2048)] = ""


class ShortTokenIn(Shape):
    """A short-lived token to make from the caller's key; without roles it has all of the key's."""

    roles: Annotated[list[str], Field(max_length=4, default_factory=list)]
    environment: Annotated[str, Field(max_length=63)] = ""
    expires_in_s: Annotated[int, Field(ge=1, le=43_200)] = 3_600


class NewTokenShape(Shape):
    """A new short-lived token; `token` is shown this once."""

    id: str
    token: str
    roles: list[str]
    environment: str
    expires_at: str


class ResourceMetadata(Shape):
    """OAuth protected resource metadata, as RFC 9728 names its fields."""

    resource: str
    authorization_servers: list[str] | None = None
    bearer_methods_supported: list[str]
    scopes_supported: list[str] | None = None
    resource_name: str


class TokenIn(Shape):
    """The token of a one-time sign-in link."""

    token: Annotated[str, Field(min_length=1, max_length=200)]


class SignInIn(Shape):
    """An API key to sign a browser in with."""

    key: Annotated[str, Field(min_length=1, max_length=200)]


class LinkShape(Shape):
    """A one-time sign-in link for the caller's own key; it works once, within 15 minutes."""

    path: str
