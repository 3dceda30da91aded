/** A beginning for each kind that people write by hand. */
const SPECS: Record<string, string> = {
  Agent: `  description: What it is for, in one sentence
  model: demo
  instructions: |
    You are ...
  max_turns: 24
`,
  Swarm: `  description: What it is for, in one sentence
  pattern: delegate
  coordinator: coordinator
  members: []
  task: |
    Do this with {repo}.
  inputs:
    repo:
      type: repository
      description: The repository to work on
  limits:
    budget_usd: "0.10"
`,
  Model: `  provider: openai
  model: gpt-4.1-mini
  api_key: env:OPENAI_API_KEY
`,
  ToolServer: `  transport: stdio
  command: [builtin:files]
  root: repo
`,
  Binding: `  agent: reviewer
  server: files
  tools: [read]
`,
}

/** A document of that kind to start from. */
export function templateOf(kind: string): string {
  return `apiVersion: swarmstead.dev/v1alpha1
kind: ${kind}
metadata:
  name: my-${kind.toLowerCase()}
spec:
${SPECS[kind] ?? '  {}\n'}`
}
