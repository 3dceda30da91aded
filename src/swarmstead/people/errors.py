"""Why somebody is not let in."""

from swarmstead.kernel.errors import Conflict, NotPermitted, NotSignedIn, TooMuch, Unavailable


class CredentialRefused(NotSignedIn):
    """The key, session or link is unknown, expired, used or revoked. Which of these is not said."""

    code = "credential_refused"

    def __init__(self, what: str, way_out: str) -> None:
        super().__init__(f"This {what} is not valid: it is unknown, expired, used or revoked.", way_out=way_out)


class TokenRefused(NotSignedIn):
    """A token of an issuer does not hold. What is said is what its holder can read in it."""

    code = "token_refused"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"This token is not accepted: {why}.", way_out="Get a new token from its issuer for this server."
        )


class IssuerAway(Unavailable):
    """The issuer's keys cannot be had now, and what is kept of them is too old."""

    code = "issuer_away"


class FirstKeyNotKept(Unavailable):
    """The first admin key cannot be written down before it is made known, so it is not made."""

    code = "first_key_not_kept"


class CertificateTaken(Conflict):
    """Another key stands for this identity already. Whose is not said: it may be another tenant's."""

    code = "certificate_taken"


class LastAdminKey(Conflict):
    """The caller's own key is the last admin key there is: without it nobody who signs in by key manages anything."""

    code = "last_admin_key"


class TooManyGuesses(TooMuch):
    """Too many wrong credentials came from one address."""

    code = "too_many_guesses"


class TenantRefused(NotPermitted):
    """X-Stead-Tenant names another tenant than the credential's."""

    code = "tenant_refused"


class CannotDerive(NotPermitted):
    """This credential makes no others."""

    code = "credential_derived"
