"""The product as the gateway bench measures it: one process before one upstream, every link of the chain at work.

    UP=http://127.0.0.1:9001/mcp python -m bench.gateway_target

Becomes `stead gateway` with a file that declares what it is to do: a tool server, a binding, a tool set, and a policy
beside the built-in ones. Rates and caps are there and are never reached: what is measured is what it costs to hold
them. Its folder is a temporary one.
"""

import os
import sys
import tempfile
from pathlib import Path

KEY = "stead_bench_gateway_0123456789abcdef"
PORT = 8790
_AMPLE = "1000000"
_SETTINGS = {
    "STEAD_BOOTSTRAP_KEY": KEY,
    "STEAD_LOG_LEVEL": "warning",
    **dict.fromkeys(("STEAD_RATE_PER_IDENTITY", "STEAD_BURST_PER_IDENTITY"), _AMPLE),
    **dict.fromkeys(("STEAD_RATE_PER_TENANT", "STEAD_BURST_PER_TENANT"), _AMPLE),
    "STEAD_TOOL_CONCURRENCY": "512",
    "STEAD_TENANT_CONCURRENCY": "512",
    "STEAD_SERVER_SESSIONS_PER_TENANT": "512",  # each caller of the bench opens a session of its own
    "STEAD_SERVER_SESSIONS_PER_IDENTITY": "512",
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
    """Become the server."""
    folder = Path(tempfile.mkdtemp(prefix="gateway-bench-"))
    config = folder / "bench.yaml"
    config.write_text(_MANIFESTS.replace("@UP@", os.environ["UP"]), encoding="utf-8")
    stead = str(Path(sys.executable).with_name("stead"))
    command = [stead, "gateway", "--host", "127.0.0.1", "--port", str(PORT), "--config", str(config)]
    whole = {name: value for name, value in os.environ.items() if not name.startswith("STEAD_")}
    os.execve(stead, [*command, "--data", str(folder / "data")], whole | _SETTINGS)  # noqa: S606 - our own command


if __name__ == "__main__":
    main()
