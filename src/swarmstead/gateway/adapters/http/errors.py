"""How a request can fail, in words that never quote its URL, its headers or an address that a name resolved to."""


class HttpFailed(Exception):
    """No usable answer came. Whether the request may have been received, its ticket says."""


class BadRequest(HttpFailed):
    """The request cannot be written: its address, method or a header is not valid."""


class NotConnected(HttpFailed):
    """No connection could be made, so nothing was sent."""


class Elsewhere(HttpFailed):
    """There was no connection for a moment, so that another server may be there by now; nothing was sent."""


class Refused(HttpFailed):
    """The egress rules do not let the request out, so nothing was sent."""


class Broken(HttpFailed):
    """The connection ended, or what came over it is no HTTP that we accept."""


class TooLong(HttpFailed):
    """An answer, or a part of it, has more bytes than we take."""
