import { digest, iso } from './ids.mjs'

const DAY = 86_400_000

const TOOLS = {
  git: { log: 'read', show: 'read', blame: 'read', diff: 'read' },
  files: { list: 'read', read: 'read', search: 'read', write: 'write' },
  report: { write: 'write' },
  cluster: { 'deployments.list': 'read', 'deployments.restart': 'danger', 'pods.logs': 'read', exec: 'unknown' },
}

const AGENTS = [
  ['coordinator', 'Plans the review, hands out parts of it and joins the answers', 'demo', ['git.log']],
  ['history', 'Reads the commit history and says what changed and who knows about it', 'demo', ['git.log', 'git.show', 'git.blame']],
  ['code', 'Reads the code for faults that reach users', 'demo', ['files.list', 'files.read', 'files.search']],
  ['docs', 'Compares the documents with the code they describe', 'demo', ['files.list', 'files.read']],
  ['reviewer', 'Checks the findings of the others and writes the report', 'demo', ['files.read', 'report.write']],
  ['restarter', 'Restarts a deployment when its error budget burns', 'fast', ['cluster.deployments.list', 'cluster.deployments.restart', 'cluster.pods.logs']],
]

const agentYaml = (name, description, model, tools, turns) => `apiVersion: swarmstead.dev/v1alpha1
kind: Agent
metadata:
  name: ${name}
  labels:
    team: platform
  owner: platform@example.test
spec:
  description: ${description}
  model: ${model}
  instructions: |
    You are ${name}. ${description}.
    Say what you found, where, and how sure you are.
  tools:
${tools.map((t) => `    - ${t}`).join('\n')}
  max_turns: ${turns}
`

const swarmYaml = (name, pattern, members, description) => `apiVersion: swarmstead.dev/v1alpha1
kind: Swarm
metadata:
  name: ${name}
  owner: platform@example.test
spec:
  description: ${description}
  pattern: ${pattern}
  coordinator: ${members[0]}
  members: [${members.slice(1).join(', ')}]
  inputs:
    ${name === 'restart-on-burn' ? 'deployment' : 'repo'}:
      type: ${name === 'restart-on-burn' ? 'text' : 'repository'}
      description: ${name === 'restart-on-burn' ? 'The deployment to watch' : 'The repository to review'}
      required: true
  limits:
    budget_usd: "0.10"
`

const modelYaml = (name, provider, model) => `apiVersion: swarmstead.dev/v1alpha1
kind: Model
metadata:
  name: ${name}
spec:
  provider: ${provider}
${model ? `  model: ${model}\n` : ''}`

function resource(kind, name, manifest, version, at, spec) {
  return {
    kind,
    name,
    digest: digest(manifest),
    version,
    created_at: iso(at),
    created_by: 'key:k_ada',
    labels: { team: 'platform' },
    owner: 'platform@example.test',
    spec,
    manifest,
  }
}

/** Every declared thing, newest version last within its name. */
export function makeResources(now) {
  const all = []
  for (const [i, [name, description, model, tools]] of AGENTS.entries()) {
    const versions = name === 'reviewer' ? 3 : 1 + (i % 2)
    for (let v = 1; v <= versions; v++) {
      const text = v === versions ? description : `${description} (draft ${v})`
      const manifest = agentYaml(name, text, model, v === 1 ? tools.slice(0, Math.max(1, tools.length - 1)) : tools, 6 + v * 2)
      all.push(resource('Agent', name, manifest, v, now - (versions - v + 1) * 3 * DAY - i * 3_600_000, { description: text, model, tools, max_turns: 6 + v * 2 }))
    }
  }
  const swarm = (name, pattern, members, description, input) =>
    all.push(
      resource('Swarm', name, swarmYaml(name, pattern, members, description), 1, now - 6 * DAY, {
        description,
        pattern,
        coordinator: members[0],
        members: members.slice(1),
        inputs: input,
      }),
    )
  const repo = { repo: { type: 'repository', description: 'The repository to review', required: true } }
  swarm('repo-review', 'delegate', ['coordinator', 'history', 'code', 'docs', 'reviewer'], 'Reads a repository and writes REVIEW.md after a person approves', repo)
  swarm('restart-on-burn', 'delegate', ['restarter'], 'Restarts a deployment whose error budget burns', {
    deployment: { type: 'text', description: 'The deployment to watch', required: true }, dry_run: { type: 'boolean', description: 'Only say what would be done', required: false, default: true },
  })
  all.push(resource('Model', 'demo', modelYaml('demo', 'scripted'), 1, now - 9 * DAY, { provider: 'scripted' }))
  all.push(resource('Model', 'fast', modelYaml('fast', 'openai', 'gpt-4.1-mini'), 2, now - 2 * DAY, { provider: 'openai', model: 'gpt-4.1-mini', max_output_tokens: 4096 }))
  all.push(resource('Model', 'on-host', modelYaml('on-host', 'ollama', 'qwen3:4b'), 1, now - 2 * DAY, { provider: 'ollama', model: 'qwen3:4b', max_output_tokens: 2048 }))
  return all
}

export function makeToolServers() {
  return Object.entries(TOOLS).map(([name, tools]) => ({
    name,
    digest: digest(name),
    transport: name === 'cluster' ? 'http' : 'stdio',
    address: name === 'cluster' ? 'http://127.0.0.1:8900/mcp' : `builtin:${name}`,
    root: name === 'cluster' ? '' : 'repo',
    problem: name === 'cluster' ? 'No answer within 5 s.' : '',
    warnings: name === 'git' ? ["spec.risk names 'comit', a tool that the server does not offer"] : [],
    tools: Object.entries(tools).map(([tool, risk]) => ({
      name: tool,
      description: `${tool} of ${name}: ${risk === 'read' ? 'reads' : 'changes'} what the server is limited to.`,
      risk,
      idempotent: risk === 'read',
      schema_hash: digest(`${name}${tool}`),
    })),
  }))
}

export function riskOf(server, tool) {
  return TOOLS[server]?.[tool] ?? 'unknown'
}

export const MODEL_KINDS = { demo: 'scripted', fast: 'hosted', 'on-host': 'local' }

export const newest = (resources, kind, name) => resources.filter((r) => r.kind === kind && r.name === name).at(-1)

/** What an agent is shown as in lists. */
export function agentView(resources, name) {
  const versions = resources.filter((r) => r.kind === 'Agent' && r.name === name)
  const latest = versions.at(-1)
  if (!latest) return null
  return {
    name,
    digest: latest.digest,
    description: latest.spec.description,
    model: latest.spec.model,
    model_kind: MODEL_KINDS[latest.spec.model] ?? null,
    owner: latest.owner,
    labels: latest.labels,
    versions: versions.length,
    updated_at: latest.created_at,
    tools: latest.spec.tools.map((t) => {
      const [server, ...rest] = t.split('.')
      return { server, name: rest.join('.'), risk: riskOf(server, rest.join('.')) }
    }),
    spec: latest.spec,
    manifest: latest.manifest,
  }
}

const text = (description, extra = {}) => ({ type: 'string', description, ...extra })

/** JSON Schemas in the server's form: of a whole document. */
export function schemaOf(kind) {
  const specs = {
    Agent: {
      required: ['model', 'instructions'],
      properties: {
        instructions: text('What the model is told before its task (the system prompt).'),
        model: text('The name of a Model resource.'),
        description: text('One sentence for people and for agents that delegate to this one.', { default: '' }),
        max_turns: { type: 'integer', description: 'How often the model may be asked in one run before the agent is stopped as failed.', minimum: 1, maximum: 200, default: 24 },
      },
    },
    Swarm: {
      required: ['pattern', 'coordinator', 'task'],
      properties: {
        pattern: { const: 'delegate', type: 'string', description: 'The coordinator gives tasks to members and works with what they answer.' },
        coordinator: text('The agent that gets the task.'),
        task: text('What the coordinator is asked; `{name}` stands for an input.'),
        members: { type: 'array', description: 'Agents that the coordinator may delegate to.', items: { type: 'string' } },
        inputs: { type: 'object', description: 'What a run has to be given.', additionalProperties: { $ref: '#/$defs/InputField' } },
        limits: { $ref: '#/$defs/SwarmLimits', description: 'What one run may use.' },
        description: text('One sentence for people.'),
      },
    },
    Model: {
      required: ['provider'],
      properties: { provider: text('Who answers.', { enum: ['scripted', 'openai', 'anthropic', 'google', 'ollama'] }), model: text("The provider's name for the model.") },
    },
  }
  if (!specs[kind]) return null
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: kind,
    type: 'object',
    required: ['apiVersion', 'kind', 'metadata', 'spec'],
    properties: {
      apiVersion: { const: 'swarmstead.dev/v1alpha1' },
      kind: { const: kind },
      metadata: {
        type: 'object',
        required: ['name'],
        properties: { name: text('Lower case letters, digits and dashes.'), owner: text('Who answers for it.'), labels: { type: 'object', description: 'Free text by name.' } },
      },
      spec: { type: 'object', additionalProperties: false, ...specs[kind] },
    },
    $defs: {
      InputField: {
        type: 'object',
        required: ['type'],
        properties: { type: text('`repository` is the path of a git repository.', { enum: ['text', 'repository', 'number', 'boolean'] }), description: text('What it is for.'), required: { type: 'boolean', description: 'Whether a run needs it.', default: true } },
      },
      SwarmLimits: {
        type: 'object',
        properties: { budget_usd: text('The most the run may spend, in US dollars.', { default: '0.10' }), wall_clock_s: { type: 'integer', description: 'How long the run may work, in seconds.', minimum: 1, maximum: 604800, default: 900 } },
      },
    },
  }
}
