/** What is declared already: a document to start from speaks of things that exist. */
export interface Declared {
  agents: readonly string[]
  models: readonly string[]
  servers: readonly string[]
}

/** A beginning for each kind that people write by hand. */
const SPECS: Record<string, (declared: Declared) => string> = {
  Agent: ({ models }) => `  description: What it is for, in one sentence
  model: ${models[0] ?? 'my-model'}
  instructions: |
    You are ...
  max_turns: 24
`,
  Swarm: ({ agents }) => `  description: What it is for, in one sentence
  pattern: delegate
  coordinator: ${agents[0] ?? 'my-agent'}
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
  Model: () => `  provider: openai
  model: gpt-4.1-mini
  api_key: env:OPENAI_API_KEY
`,
  ToolServer: () => `  transport: stdio
  command: [builtin:files]
  root: repo
`,
  Binding: ({ agents, servers }) => `  agent: ${agents[0] ?? 'my-agent'}
  server: ${servers.includes('files') ? 'files' : (servers[0] ?? 'my-toolserver')}
  # Each tool by its name, as the page Tools lists it; there is no wildcard.
  tools: [${servers.includes('files') ? 'read' : 'name-of-a-tool'}]
`,
}

/** A document of that kind to start from. */
export function templateOf(kind: string, declared: Declared): string {
  return `apiVersion: swarmstead.dev/v1alpha1
kind: ${kind}
metadata:
  name: my-${kind.toLowerCase()}
spec:
${SPECS[kind]?.(declared) ?? '  {}\n'}`
}
