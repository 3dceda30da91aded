/** Long and awkward texts, as agents write them. */

export const REPORT = `# Review of payments-api

Reviewed at commit \`4be1c09\`. Three findings need a decision before the next release.

## Findings

1. **Retries without an idempotency key.** \`charge()\` in \`app/billing/client.py\` retries on timeout. A charge that was accepted and timed out is sent again.
2. **Readiness says yes too early.** \`/readyz\` answers before the pool is filled; the first 40 requests after a deploy fail.
3. **A stale runbook.** \`docs/runbooks/failover.md\` names a host that was removed.

| finding | risk | effort |
|---|---|---|
| retries | high | small |
| readiness | medium | small |
| runbook | low | minutes |

## What was read

- 214 commits since 2026-01-01, by 6 people
- 31 files under \`app/\`, 12 under \`docs/\`

\`\`\`python
def charge(order: Order) -> Receipt:
    return client.post("/charges", json=order.payload(), headers={"Idempotency-Key": order.id})
\`\`\`

> No file was changed by this review except \`REVIEW.md\`.
`

export const OLD_CONFIG = `replicas: 2
image: registry.internal/payments-api:1.41.0
resources:
  requests:
    cpu: 250m
    memory: 256Mi
  limits:
    memory: 512Mi
readinessProbe:
  httpGet:
    path: /readyz
    port: 8080
  periodSeconds: 10
env:
  - name: LOG_LEVEL
    value: info
  - name: POOL_SIZE
    value: "10"
  - name: TIMEOUT_S
    value: "30"
`

export const NEW_CONFIG = OLD_CONFIG.replace('replicas: 2', 'replicas: 4')
  .replace('1.41.0', '1.42.0')
  .replace('value: "10"', 'value: "25"')

export const LONG_WORD = `/srv/${'deeply-nested-folder-with-a-long-name/'.repeat(9)}README.md`

export const LONG_TASK = `Read every change since the last release, group them by the risk they carry, and say for each group who has to look at it. ${'Weigh what users see above what only developers see. '.repeat(14)}`

export const TRICKY = `echo "safe" \u202e# reversed by a direction override\u202c\nrm -rf /tmp/cache\u200b`
