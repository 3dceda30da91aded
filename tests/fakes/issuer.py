"""An OpenID issuer for tests: `oidc-provider` on Node, on loopback, spoken to as any issuer is.

Its packages are installed by `make oidc` (which `make test` does); see `tests/fakes/oidc`.
"""

import base64
import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "oidc"


@dataclass(frozen=True)
class Issuer:
    """A running issuer. Tokens of its clients are JWTs as RFC 9068 describes them."""

    url: str
    secret: str
    process: "subprocess.Popen[str]"

    def token(self, client: str, audience: str) -> str:
        """What the client gets for this audience by the client-credentials grant."""
        form = urllib.parse.urlencode({"grant_type": "client_credentials", "resource": audience}).encode()
        basic = base64.b64encode(f"{client}:{self.secret}".encode()).decode()
        request = urllib.request.Request(f"{self.url}/token", form, {"authorization": f"Basic {basic}"})  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            return json.load(answer)["access_token"]

    def signed(self, claims: Mapping[str, Any], **header: str) -> str:
        """A token signed by the issuer's own key, whatever it says: an issuer that errs."""
        return self._say({"sign": {"header": header, "claims": dict(claims)}})["token"]

    def rotate(self) -> str:
        """Have it sign with a new key from now on, and forget the old one; answers the new key's id."""
        return self._say({"rotate": True})["kid"]

    def jwks(self) -> list[dict[str, Any]]:
        """Its public keys."""
        with urllib.request.urlopen(f"{self.url}/jwks", timeout=10) as answer:  # noqa: S310 - loopback
            return json.load(answer)["keys"]

    def stop(self) -> None:
        """Take it away."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(10)

    def _say(self, words: Mapping[str, Any]) -> Any:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        return _told(self.process)


def _told(process: "subprocess.Popen[str]") -> Any:
    """The next line that is ours: the provider has remarks of its own."""
    assert process.stdout
    for line in process.stdout:
        if line.startswith("{"):
            return json.loads(line)
    raise AssertionError(f"The issuer of the tests ended with {process.wait(10)}.")


@contextmanager
def running_issuer(clients: Mapping[str, Mapping[str, Any]], *, algorithm: str = "RS256") -> Generator[Issuer]:
    """An issuer with these clients (id -> claims that their tokens carry), stopped at the end."""
    assert (_FOLDER / "node_modules").is_dir(), "The issuer of the tests is not installed: run `make oidc`."
    asked = json.dumps({"clients": clients, "algorithm": algorithm})
    with subprocess.Popen(
        ["node", "server.mjs", asked],
        cwd=_FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            told = _told(process)
            yield Issuer(told["issuer"], told["secret"], process)
        finally:
            process.kill()
