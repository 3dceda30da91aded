"""TLS of the server itself, and client certificates: read and checked before anything else is started."""

import ssl
from pathlib import Path

from swarmstead.kernel.errors import BadInput
from swarmstead.settings import PREFIX, Settings


def context_of(settings: Settings) -> ssl.SSLContext | None:
    """What the server's connections are made with; None without TLS. Fails: BadInput, naming setting and file."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    for name, path in (("tls_cert", settings.tls_cert), ("tls_key", settings.tls_key)):
        _check_readable(name, path)
    try:
        # A key with a passphrase would be asked for on the terminal: nobody answers there.
        context.load_cert_chain(settings.tls_cert, settings.tls_key, password=lambda: "")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise _refused("tls_cert", settings.tls_cert, "it and the key are no certificate and its key") from error
    if settings.client_ca is not None:
        _check_readable("client_ca", settings.client_ca)
        try:
            context.load_verify_locations(cafile=settings.client_ca)
        except (ssl.SSLError, OSError) as error:
            raise _refused("client_ca", settings.client_ca, "it holds no CA certificate") from error
        context.verify_mode = ssl.CERT_REQUIRED if settings.client_cert == "required" else ssl.CERT_OPTIONAL
    return context


def _check_readable(name: str, path: Path) -> None:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise _refused(name, path, f"it cannot be read: {error.strerror}") from error


def _refused(name: str, path: Path, why: str) -> BadInput:
    return BadInput(
        f"{path} is not usable: {why}.",
        field=PREFIX + name.upper(),
        way_out=f"Set {PREFIX}{name.upper()} or --{name.replace('_', '-')} to a PEM file.",
    )
