import type { ReactNode } from 'react'
import { Page } from '@/components/page'
import { TabLinks } from '@/components/tabs'
import type { ToolServer } from '@/api/types'

interface ToolsPageProps {
  view: 'tools' | 'servers' | 'grants'
  filters: ReactNode
  /** Counted behind the tabs, once they are known. */
  servers?: readonly ToolServer[] | undefined
  children: ReactNode
}

const TITLES = { tools: 'Tools', servers: 'Tool servers', grants: 'Tool grants' }

/** The three views of what agents can reach: tools, the servers that give them, and who may call what. */
export function ToolsPage({ view, filters, servers, children }: ToolsPageProps) {
  return (
    <Page
      title={TITLES[view]}
      heading={
        <span>
          Tools
          {view !== 'tools' && <span className="sr-only">, {view}</span>}
        </span>
      }
      fixed
      filters={
        <>
          <TabLinks
            label="Views of tools"
            current={view}
            bare
            tabs={[
              { id: 'tools', label: 'Tools', link: { to: '/tools' } },
              { id: 'servers', label: 'Servers', count: servers?.length, link: { to: '/tools/servers' } },
              { id: 'grants', label: 'Grants', link: { to: '/tools/grants' } },
            ]}
          />
          {filters}
        </>
      }
    >
      {children}
    </Page>
  )
}
