"""The product as the gateway bench measures it: one process before one upstream, every link of the chain at work.

    UP=http://127.0.0.1:9001/mcp python -m bench.gateway_target

Becomes the server (its process is measured whole, and nothing else), once a child is on its way that declares what the
server is to do: a tool server, a binding, a tool set, and a policy beside the built-in ones. Rates and caps are there
and are never reached: what is measured is what it costs to hold them. Everything is gone with the server's folder.
"""

import contextlib
import http.client
import os
import sys
import tempfile
import time
from pathlib import Path

KEY = "stead_bench_gateway_0123456789abcdef"
PORT = 8790
_PATIENCE_S = 60
_LOOK_EVERY_S = 0.02
_AMPLE = "1000000"
_SETTINGS = {
    "STEAD_BOOTSTRAP_KEY": KEY,
    "STEAD_LOG_LEVEL": "warning",
    **dict.fromkeys(("STEAD_RATE_PER_IDENTITY", "STEAD_BURST_PER_IDENTITY"), _AMPLE),
    **dict.fromkeys(("STEAD_RATE_PER_TENANT", "STEAD_BURST_PER_TENANT"), _AMPLE),
    "STEAD_TOOL_CONCURRENCY": "512",
    "STEAD_TENANT_CONCURRENCY": "512",
}
_MANIFESTS = """
apiVersion: swarmstead.dev/v1alpha1
kind: ToolServer
metadata: {name: up}
spec: {transport: http, url: "@UP@", risk: {echo: read}}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Binding
metadata: {name: outside}
spec: {agent: "*", server: up, tools: [echo]}
---
apiVersion: swarmstead.dev/v1alpha1
kind: ToolSet
metadata: {name: bench}
spec: {select: [{server: up, tools: [echo]}]}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Policy
metadata: {name: bench}
spec:
  cedar: |
    @id("reads-only")
    @reason("this server only reads")
    forbid (principal, action, resource) unless { resource.risk == "read" };
"""


def main() -> None:
    """Start the server, and have it told what to do."""
    folder = tempfile.mkdtemp(prefix="gateway-bench-")
    if os.fork() == 0:
        _declare(_MANIFESTS.replace("@UP@", os.environ["UP"]))
        os._exit(0)
    command = [str(Path(sys.executable).with_name("stead")), "up", "--host", "127.0.0.1", "--port", str(PORT)]
    whole = {name: value for name, value in os.environ.items() if not name.startswith("STEAD_")}
    os.execve(command[0], [*command, "--data", folder], whole | _SETTINGS)  # noqa: S606 - our own command


def _declare(manifests: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=_PATIENCE_S)
            headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/yaml"}
            connection.request("POST", "/api/v1/apply", manifests, headers)
            answer = connection.getresponse()
            if answer.status < 300:
                return
            print(answer.status, answer.read()[:1000], file=sys.stderr)
        time.sleep(_LOOK_EVERY_S)


if __name__ == "__main__":
    main()
