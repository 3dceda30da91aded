import { ChevronDown } from 'lucide-react'
import { useSession } from '@/api/queries/people'
import { Button } from '@/components/ui/button'
import { Menu, MenuContent, MenuLabel, MenuRadio, MenuRadioGroup, MenuTrigger } from '@/components/ui/menu'
import { ProductionTag } from '@/components/tags'
import { environment, shownEnvironment } from '@/lib/settings'

/** The environment that launches go to: the chosen one, else the first that is not production. */
export function useEnvironment(): string {
  const { environments } = useSession()
  const chosen = environment.use()
  if (environments.some((e) => e.name === chosen)) return chosen
  return (environments.find((e) => !e.production) ?? environments[0])?.name ?? ''
}

/** True while the page shows something of production, or launches go there. */
export function useFramed(): boolean {
  const { environments } = useSession()
  const shown = shownEnvironment.use()
  const chosen = useEnvironment()
  return environments.some((e) => e.production && e.name === (shown ?? chosen))
}

export function EnvironmentMenu() {
  const { tenant, environments } = useSession()
  const current = useEnvironment()
  const production = environments.some((e) => e.production && e.name === current)
  return (
    <Menu modal={false}>
      <MenuTrigger asChild>
        <Button look="quiet" className="min-w-0 shrink gap-1 px-1.5" title={`Tenant ${tenant}, environment ${current}`}>
          <span className="sr-only">Tenant and environment: </span>
          <span className="truncate text-mute max-sm:hidden">{tenant}</span>
          <span className="text-mute max-sm:hidden">/</span>
          <span className="truncate text-fg">{current}</span>
          {production && <ProductionTag />}
          <ChevronDown className="size-3" aria-hidden />
        </Button>
      </MenuTrigger>
      <MenuContent align="start">
        <MenuLabel>Launches go to</MenuLabel>
        <MenuRadioGroup value={current} onValueChange={environment.set}>
          {environments.map((e) => (
            <MenuRadio key={e.name} value={e.name}>
              <span className="flex-1">{e.name}</span>
              {e.production && <ProductionTag />}
            </MenuRadio>
          ))}
        </MenuRadioGroup>
      </MenuContent>
    </Menu>
  )
}
