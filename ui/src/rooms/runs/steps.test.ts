import { expect, it } from 'vitest'
import type { Step } from '@/api/types'
import { merge } from './steps'

const step = (key: string, status: Step['status']) => ({ key, status }) as Step
const data = {
  pages: [
    { items: [step('1', 'running'), step('2', 'running')], next: '2' },
    { items: [step('3', 'running')], next: null },
  ],
  pageParams: ['', '2'],
}

it('changes steps in their places and puts new ones at the end', () => {
  const merged = merge(data, [step('2', 'succeeded'), step('4', 'running')])
  expect(merged.pages.map((p) => p.items.map((s) => `${s.key} ${s.status}`))).toEqual([
    ['1 running', '2 succeeded'],
    ['3 running', '4 running'],
  ])
})

it('keeps pages that did not change, so that they are not drawn again', () => {
  expect(merge(data, [step('3', 'failed')]).pages[0]).toBe(data.pages[0])
})
