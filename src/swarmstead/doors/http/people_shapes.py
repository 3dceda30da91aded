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
    auth: Literal["key", "session"]


class KeyShape(Shape):
    """An API key without its secret."""

    id: str
    name: str
    prefix: str
    roles: list[str]
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class NewKeyShape(KeyShape):
    """A new key; `key` is shown this once."""

    key: str


class KeyIn(Shape):
    """A key to make."""

    name: Annotated[str, Field(min_length=1, max_length=120)]
    roles: Annotated[list[str], Field(min_length=1, max_length=4)]
    expires_in_s: Annotated[int | None, Field(ge=1, le=315_360_000)] = None


class TokenIn(Shape):
    """The token of a one-time sign-in link."""

    token: Annotated[str, Field(min_length=1, max_length=200)]


class SignInIn(Shape):
    """An API key to sign a browser in with."""

    key: Annotated[str, Field(min_length=1, max_length=200)]


class LinkShape(Shape):
    """A one-time sign-in link for the caller's own key; it works once, within 15 minutes."""

    path: str
