import type { JsonObject } from '@/api/types'
import { fieldsOf, schemaAt, type SchemaField } from './schema'

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
  ToolSet: ({ servers }) => `  instructions: What a client is told when it connects
  select:
    # Bindings still say who may call what.
    - server: ${servers.includes('files') ? 'files' : (servers[0] ?? 'my-toolserver')}
      tools: [${servers.includes('files') ? 'read' : 'name-of-a-tool'}]
`,
  Policy: ({ agents, servers }) => `  description: What it is for, in one sentence
  # It only shows what it would have said. With \`enforce\` it holds.
  mode: monitor
  cedar: |
    @id("no-writes")
    @reason("this agent changes nothing")
    forbid (principal == Agent::"${agents[0] ?? 'my-agent'}", action, resource in Server::"${servers[0] ?? 'my-toolserver'}")
    unless { resource.risk == "read" };
`,
  FeatureFlag: () => `  description: What it is for, in one sentence
  # On for this share of callers, the same ones each time: 0.1 is one in ten.
  enabled: true
  share: 1.0
`,
}

/** A beginning for a kind of a newer server: its schema says which fields it must have, and a person fills them. */
function required(schema: JsonObject | undefined): string {
  const fields = schema ? fieldsOf(schema, schemaAt(schema, ['spec'])).filter((field) => field.required) : []
  return fields.map((field) => `  ${field.name}: ${first(field)} # fill in: ${field.type}\n`).join('') || '  {}\n'
}

function first({ type, values }: SchemaField): string {
  if (values[0] !== undefined) return values[0]
  if (type.startsWith('list')) return '[]'
  return type === 'mapping' ? '{}' : '""'
}

/** A document of that kind to start from. */
export function templateOf(kind: string, declared: Declared, schema?: JsonObject): string {
  return `apiVersion: swarmstead.dev/v1alpha1
kind: ${kind}
metadata:
  name: my-${kind.toLowerCase()}
spec:
${SPECS[kind]?.(declared) ?? required(schema)}`
}
