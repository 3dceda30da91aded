"""Why somebody is not let in."""

from swarmstead.kernel.errors import NotSignedIn


class CredentialRefused(NotSignedIn):
    """The key, session or link is unknown, expired, used or revoked. Which of these is not said."""

    code = "credential_refused"

    def __init__(self, what: str, way_out: str) -> None:
        super().__init__(f"This {what} is not valid: it is unknown, expired, used or revoked.", way_out=way_out)
