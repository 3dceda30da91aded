import { Outlet } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useFocusOnArrival } from './arrival'

/** What holds for every page, also those without the frame. */
export function Root(): ReactNode {
  useFocusOnArrival()
  return <Outlet />
}
