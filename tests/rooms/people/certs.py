"""Certificates for tests: an authority, and what it (or another) vouches for."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = dt.timedelta(days=1)
WORKLOAD = "spiffe://example.org/payments"


@dataclass(frozen=True)
class Made:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        """As it goes over the wire."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The certificate and its private key as one file."""
        form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        private = self.key.private_bytes(serialization.Encoding.PEM, form, plain)
        return self.certificate.public_bytes(serialization.Encoding.PEM) + private

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def written(self, path: Path) -> Path:
        """The file `pem`."""
        path.write_bytes(self.pem)
        return path


def authority(name: str = "Test CA") -> Made:
    """A CA of its own."""
    return _made(name, None, (), ca=True)


def issued(
    by: Made,
    *names: x509.GeneralName,
    subject: str = "payments",
    ends: dt.datetime | None = None,
    begins: dt.datetime | None = None,
) -> Made:
    """A certificate by that CA, good from yesterday to tomorrow unless it says otherwise."""
    return _made(subject, by, names, ends=ends, begins=begins)


def uri(text: str) -> x509.GeneralName:
    """An alternative name that is a URI."""
    return x509.UniformResourceIdentifier(text)


def dns(text: str) -> x509.GeneralName:
    """An alternative name that is a host's."""
    return x509.DNSName(text)


def _made(
    subject: str,
    by: Made | None,
    names: tuple[x509.GeneralName, ...],
    *,
    ca: bool = False,
    ends: dt.datetime | None = None,
    begins: dt.datetime | None = None,
) -> Made:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)] if subject else [])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by.certificate.subject if by else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins or now - _DAY)
        .not_valid_after(ends or now + _DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=not subject)
    return Made(builder.sign(by.key if by else key, hashes.SHA256()), key)
