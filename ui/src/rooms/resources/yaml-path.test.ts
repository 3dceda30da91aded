import { describe, expect, it } from 'vitest'
import { placeOf } from './yaml-path'

const text = `apiVersion: swarmstead.dev/v1alpha1
kind: Swarm
metadata:
  name: review
spec:
  members:
  - history
  - code
  inputs:
    repo:
      type: repository
      # a comment
  steps:
    - name: first
      limits:
        turns: 3
  
---
kind: "Model"
spec:
  provider: openai`.split('\n')

const at = (index: number, column?: number) => {
  const { kind, path, key } = placeOf(text, index, column)
  return [kind, path.join('.'), key]
}

describe('placeOf', () => {
  it('knows the root', () => expect(at(1)).toEqual(['Swarm', '', 'kind']))
  it('knows a nested key', () => expect(at(10)).toEqual(['Swarm', 'spec.inputs.repo', 'type']))
  it('takes a list at the indent of its key', () => expect(at(6)).toEqual(['Swarm', 'spec.members.[]', null]))
  it('tells an item from its keys', () => expect(at(13)).toEqual(['Swarm', 'spec.steps.[]', 'name']))
  it('goes on inside an item', () => expect(at(15)).toEqual(['Swarm', 'spec.steps.[].limits', 'turns']))
  it('places an empty line by its cursor', () => expect(at(16, 2)).toEqual(['Swarm', 'spec', null]))
  it('stays inside its document', () => {
    expect(at(20)).toEqual(['Model', 'spec', 'provider'])
    expect(at(18)).toEqual(['Model', '', 'kind'])
  })
})
