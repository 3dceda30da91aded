"""The swarm that chaos befalls: a coordinator gives work to a reader, and to a writer whom a person has to allow."""

import sys
from pathlib import Path

FAKE = Path(__file__).parents[1] / "fakes" / "mcp_chaos.py"
SWARM = "chaos"

MANIFESTS = f"""
apiVersion: swarmstead.dev/v1alpha1
kind: Swarm
metadata: {{name: {SWARM}}}
spec:
  pattern: delegate
  coordinator: boss
  members: [reader, writer]
  inputs: {{repo: {{type: repository}}}}
  task: Do it in {{repo}}.
  limits: {{budget_usd: "1.00", wall_clock_s: 600}}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Agent
metadata: {{name: boss}}
spec: {{model: script, instructions: Have it done.}}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Agent
metadata: {{name: reader}}
spec: {{model: script, instructions: Read.}}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Agent
metadata: {{name: writer}}
spec: {{model: script, instructions: Write.}}
---
apiVersion: swarmstead.dev/v1alpha1
kind: ToolServer
metadata: {{name: chaos}}
spec:
  transport: stdio
  command: [{sys.executable}, -I, -S, {FAKE}, "{{root}}"]
  root: repo
---
apiVersion: swarmstead.dev/v1alpha1
kind: Binding
metadata: {{name: reader}}
spec: {{agent: reader, server: chaos, tools: [read]}}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Binding
metadata: {{name: writer}}
spec: {{agent: writer, server: chaos, tools: [put, append]}}
---
apiVersion: swarmstead.dev/v1alpha1
kind: Model
metadata: {{name: script}}
spec:
  provider: scripted
  price: {{input_per_million_usd: "1", output_per_million_usd: "1"}}
  script:
    boss:
      - calls:
          - {{tool: delegate, arguments: {{agent: reader, task: Read a and b., why: It can read.}}}}
          - {{tool: delegate, arguments: {{agent: writer, task: Write it down., why: It can write.}}}}
      - say: "Done: {{{{ last[0].text }}}} {{{{ last[1].text }}}}"
    reader:
      - calls:
          - {{tool: chaos__read, arguments: {{name: a}}}}
          - {{tool: chaos__read, arguments: {{name: b}}}}
      - say: "I read {{{{ last[0].text }}}} and {{{{ last[1].text }}}}."
    writer:
      - calls:
          - {{tool: chaos__put, arguments: {{name: page, text: hello}}}}
          - {{tool: chaos__append, arguments: {{line: hello}}}}
      - say: I wrote it down.
"""
