"""The names of spans and attributes. No other module spells one.

OpenTelemetry's are those of its GenAI and MCP conventions as of the revision that `SCHEMA_URL` names, the last in which
they were part of the main repository; they are in development and change without notice, so a change of theirs is a
change of this file. What they have no word for stands under `swarmstead.`.
"""

from typing import Final

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.41.0"
SCOPE: Final = "swarmstead"

# Spans. Each is one of the mission's; `feature.read` is `tool.call` for a resource or prompt.
AGENT_RUN: Final = "agent.run"
AGENT_PLAN: Final = "agent.plan"
LLM_CALL: Final = "llm.call"
TOOL_CALL: Final = "tool.call"
FEATURE_READ: Final = "feature.read"
POLICY_CHECK: Final = "policy.check"
TOOL_UPSTREAM: Final = "tool.upstream"

# GenAI.
OPERATION: Final = "gen_ai.operation.name"
CHAT, EXECUTE_TOOL, INVOKE_AGENT = "chat", "execute_tool", "invoke_agent"
PROVIDER: Final = "gen_ai.provider.name"
PROVIDERS: Final = {"google": "gcp.gemini"}
"""Providers that the conventions call otherwise than we do."""
AGENT_NAME: Final = "gen_ai.agent.name"
AGENT_VERSION: Final = "gen_ai.agent.version"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
TOOL_NAME: Final = "gen_ai.tool.name"
PROMPT_NAME: Final = "gen_ai.prompt.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
RESPONSE_MODEL: Final = "gen_ai.response.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"

# MCP, and what all spans have.
MCP_METHOD: Final = "mcp.method.name"
ERROR_TYPE: Final = "error.type"

# Ours.
TENANT: Final = "swarmstead.tenant"
ENVIRONMENT: Final = "swarmstead.environment"
RUN: Final = "swarmstead.run"
AGENT_RUN_ID: Final = "swarmstead.agent_run"
STEP: Final = "swarmstead.step"
TURN: Final = "swarmstead.turn"
SERVER: Final = "swarmstead.server"
RISK: Final = "swarmstead.risk"
VERDICT: Final = "swarmstead.verdict"
STATUS: Final = "swarmstead.status"
PLAN: Final = "swarmstead.plan"
SPENT: Final = "swarmstead.spent_micros"
ATTEMPTS: Final = "swarmstead.attempts"
CALLS: Final = "swarmstead.calls"
POLICY_EFFECT: Final = "swarmstead.policy.effect"
POLICY_RULES: Final = "swarmstead.policy.rules"
POLICY_WOULD: Final = "swarmstead.policy.would"
