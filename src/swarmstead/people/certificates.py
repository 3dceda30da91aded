"""Client certificates: what they say of their holder, and how a person writes that down.

    sha256:FINGERPRINT      this certificate and no other
    san:spiffe://ORG/NAME   a URI among its alternative names
    san:HOST                a DNS name among them
    subject:CN=NAME,O=ORG   its subject, as RFC 4514 writes it

Both sides come to the same text, so that they are compared as texts. TLS has verified the certificate before any of
this is asked: issuer, signature and time.
"""

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.hashing import sha256_hex
from swarmstead.people.contract import PeerCertificate

if TYPE_CHECKING:
    from cryptography import x509

PEER = "peer_certificate"  # where the server's connection leaves it in an ASGI scope's `state`
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_SPACED = re.compile(r"(?<!\\)\s*,\s*")  # `CN=a, O=b`, as OpenSSL prints it
_LONGEST = 2048  # as SPIFFE has it
_MOST_NAMES = 20
_FORMS = "Write san:spiffe://ORG/NAME, san:HOST, subject:CN=NAME or sha256: and the 64 hex digits of its fingerprint."


def normalised(text: str) -> str:
    """The one way to write this identity. Fails: BadInput for what is none."""
    kind, _, value = text.strip().partition(":")
    value = value.strip()
    found = ""
    if len(text) > _LONGEST:
        pass
    elif kind == "sha256":
        digits = value.replace(":", "").lower()
        found = f"sha256:{digits}" if _FINGERPRINT.fullmatch(digits) else ""
    elif kind == "san":
        found = _uri(value) if "://" in value else _dns(value)
    elif kind == "subject":
        found = _subject(value)
    if not found:
        raise BadInput("This is no identity of a certificate.", field="certificate", way_out=_FORMS)
    return found


def peer_certificate(der: bytes) -> PeerCertificate:
    """What a certificate, as it came over the wire, says. Cost: 0.1 ms, once a connection. Fails: ValueError."""
    from cryptography import x509

    certificate = x509.load_der_x509_certificate(der)
    fingerprint = sha256_hex(der)
    names = [*_alternative_names(certificate), _subject_of(certificate.subject)]
    not_after = int(certificate.not_valid_after_utc.timestamp() * 1000)
    return PeerCertificate(fingerprint, (f"sha256:{fingerprint}", *(name for name in names if name)), not_after)


def _alternative_names(certificate: "x509.Certificate") -> list[str]:
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    uris = [_uri(value) for value in names.get_values_for_type(x509.UniformResourceIdentifier)]
    hosts = [_dns(value) for value in names.get_values_for_type(x509.DNSName)]
    return [*uris[:_MOST_NAMES], *hosts[:_MOST_NAMES]]


def _uri(text: str) -> str:
    try:
        url = urlsplit(text)
        host = (url.hostname or "").lower()
        port = url.port
    except ValueError:
        return ""
    if not url.scheme or not host or url.username or url.query or url.fragment or not _plain(text):
        return ""
    return f"san:{url.scheme.lower()}://{host}{f':{port}' if port else ''}{url.path}"


def _dns(text: str) -> str:
    """A name of one host: a certificate for `*.example.org` does not say which of them this is."""
    name = text.lower().removesuffix(".")
    return f"san:{name}" if _HOST.fullmatch(name) else ""


def _subject(text: str) -> str:
    from cryptography import x509

    try:
        return _subject_of(x509.Name.from_rfc4514_string(_SPACED.sub(",", text)))
    except ValueError:
        return ""


def _subject_of(name: "x509.Name") -> str:
    text = name.rfc4514_string()
    return f"subject:{text}" if text and len(text) < _LONGEST and _plain(text) else ""


def _plain(text: str) -> bool:
    return text.isprintable() and len(text) <= _LONGEST
