import { useNavigate } from '@tanstack/react-router'
import { CircleUserRound } from 'lucide-react'
import { signOut, useSession } from '@/api/queries/people'
import { singleKeys, theme } from '@/lib/settings'
import { IconButton } from '@/components/ui/button'
import { Menu, MenuContent, MenuItem, MenuLabel, MenuLine, MenuRadio, MenuRadioGroup, MenuTrigger } from '@/components/ui/menu'

export function UserMenu() {
  const { actor, version } = useSession()
  const navigate = useNavigate()
  const leave = async () => {
    await signOut()
    await navigate({ to: '/signin', search: {} })
  }
  return (
    <Menu modal={false}>
      <MenuTrigger asChild>
        <IconButton label={`You: ${actor.name}`}>
          <CircleUserRound className="size-4" aria-hidden />
        </IconButton>
      </MenuTrigger>
      <MenuContent>
        <MenuLabel>
          <span className="block text-sm font-medium text-fg">{actor.name}</span>
          {actor.roles.join(', ') || 'no role'}
        </MenuLabel>
        <MenuLine />
        <MenuLabel>Theme</MenuLabel>
        <MenuRadioGroup value={theme.use()} onValueChange={theme.set}>
          <MenuRadio value="system">As the system</MenuRadio>
          <MenuRadio value="light">Light</MenuRadio>
          <MenuRadio value="dark">Dark</MenuRadio>
        </MenuRadioGroup>
        <MenuLine />
        <MenuLabel>Single-key shortcuts</MenuLabel>
        <MenuRadioGroup value={singleKeys.use()} onValueChange={singleKeys.set}>
          <MenuRadio value="on">On</MenuRadio>
          <MenuRadio value="off">Off</MenuRadio>
        </MenuRadioGroup>
        <MenuLine />
        <MenuItem onSelect={() => void leave()}>Sign out</MenuItem>
        <MenuLine />
        <MenuLabel>Swarmstead {version}</MenuLabel>
      </MenuContent>
    </Menu>
  )
}
