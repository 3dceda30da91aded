import { expect, it } from 'vitest'
import { paddings } from './column-place'

it('gives the page\'s margin to the first and the last column that are seen, at every width', () => {
  expect(paddings([{ from: 'md' }, {}, { from: 'lg' }, { from: 'md' }])).toEqual([
    'pl-4 pr-2',
    'pl-2 @max-[640px]:pl-4 pr-2 @max-[640px]:pr-4',
    'pl-2 pr-2 @max-[640px]:pr-4',
    'pl-2 pr-4',
  ])
})

it('leaves columns inside alone', () => expect(paddings([{}, {}, {}])).toEqual(['pl-4 pr-2', 'pl-2 pr-2', 'pl-2 pr-4']))
