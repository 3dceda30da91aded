"""The one tree of errors that may reach a person, and whose fault each is.

    SteadError
    ├── BadInput          400/422  the caller's request cannot be understood or is out of bounds
    ├── NotSignedIn       401      no credential, or one that is not known
    ├── NotPermitted      403      known caller, missing role or grant
    ├── NotFound          404      no such thing in the caller's tenant
    ├── Conflict          409      the world moved on since the caller looked
    │   └── ChangedMeanwhile  412  and the caller had said what they had seen
    ├── TooMuch           429      a limit, budget or rate is reached
    └── Unavailable       503      ours or an upstream's fault; trying again may help

Each room subclasses these in its own `errors.py`. A message names the thing and what is wrong with it;
`way_out` says what to do next. Doors turn them into problem+json and into CLI exit code 2 (Unavailable: 1).
"""

from collections.abc import Mapping


class SteadError(Exception):
    """Base of every error that is shown to a person.

    `code` is stable and part of the API; `field` is a path such as `spec.limits.turns`.
    """

    status = 500
    code = "internal"
    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        way_out: str = "",
        field: str = "",
        code: str = "",
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.way_out = way_out
        self.field = field
        self.extra: dict[str, object] = dict(extra or {})
        if code:
            self.code = code

    def problem(self) -> dict[str, object]:
        """This error as an RFC 9457 problem document (without `instance`)."""
        body: dict[str, object] = {
            "type": f"urn:swarmstead:problem:{self.code}",
            "title": self.code.replace("_", " "),
            "status": self.status,
            "detail": self.message,
            "code": self.code,
        }
        if self.way_out:
            body["way_out"] = self.way_out
        if self.field:
            body["field"] = self.field
        return body | self.extra


class BadInput(SteadError):
    """The caller's request cannot be understood or is out of bounds."""

    status = 422
    code = "bad_input"
    exit_code = 2


class NotSignedIn(SteadError):
    """There is no credential, or it is unknown, revoked or expired."""

    status = 401
    code = "not_signed_in"
    exit_code = 2


class NotPermitted(SteadError):
    """The caller is known but lacks the role or grant."""

    status = 403
    code = "not_permitted"
    exit_code = 2


class NotFound(SteadError):
    """There is no such thing in the caller's tenant. Also raised for another tenant's things."""

    status = 404
    code = "not_found"
    exit_code = 2


class Conflict(SteadError):
    """The state the caller relied on has changed."""

    status = 409
    code = "conflict"
    exit_code = 2


class ChangedMeanwhile(Conflict):
    """A change was bound to a version (`If-Match`), and that is not what is there now."""

    status = 412
    code = "changed_meanwhile"


class TooMuch(SteadError):
    """A limit, budget or rate has been reached."""

    status = 429
    code = "too_much"
    exit_code = 2


class Unavailable(SteadError):
    """Something that we depend on does not answer; the message says what became of the request."""

    status = 503
    code = "unavailable"
    exit_code = 1
