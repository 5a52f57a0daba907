import { describe, expect, test } from 'vitest'
import { Machine } from '../machine/machine.ts'
import { plantedBug } from '../planted/planted-bugs.ts'
import type { NodeAction, VersionName } from './node/node-steps.ts'
import { type Scenario, SMALL_SEGMENT_BYTES, scenarioOf, TROUBLES } from './scenario.ts'
import { findPlanted, runSeeds, simulate } from './world-commands.ts'

/**
 * Few seeds, which have everything that a world does: their first seeds were searched for that. `world.long.test.ts` runs more of
 * them, and all planted bugs.
 */
const PLAIN = { job: 'plain', from: 171, count: 12 } as const
const NODE = { job: 'node', from: 16, count: 8 } as const
const TIMES = { job: 'times', from: 1, count: 3 } as const
const JOINS = { job: 'joins', from: 1, count: 2 } as const
const TABLES = { job: 'tables', from: 1, count: 3 } as const
const STEPS = { job: 'steps', from: 1, count: 3 } as const
/** For a machine that is also busy with other work. */
const TIMEOUT_MS = 600_000

describe('the simulated world in short', { timeout: TIMEOUT_MS }, () => {
  test.each([PLAIN, NODE, TIMES, JOINS, TABLES, STEPS])(
    'holds every invariant whatever happens: $job',
    async (seeds) => {
      expect(await simulate(seeds)).toContain(`${seeds.count} seeds from ${seeds.from}: no violation`)
    },
  )

  test('holds every invariant if nothing goes wrong', async () => {
    expect(await runSeeds({ job: 'plain', count: 2, troubles: [] })).toContain('2 seeds from 1: no violation')
  })

  test.each(['position of the input before is kept in the store', "a task's time is not in its checkpoint"])(
    'finds the planted bug: %s',
    async (name) => {
      expect(await findPlanted(plantedBug(name))).toMatch(/^seed \d+: /)
    },
  )
})

test('the few seeds of the short test have every trouble and every step of a node', () => {
  const plain = scenarios(PLAIN, 0)
  const steps = scenarios(NODE, 1).flatMap(({ nodeSteps }) => nodeSteps ?? [])
  const kinds = steps.map((step) => (step.kind === 'deploy' ? step.version : step.kind))

  expect(new Set(plain.flatMap(happenings))).toEqual(new Set([...TROUBLES, 'upgrade', 'standbys', 'small segments']))
  expect(new Set(kinds)).toEqual(new Set(Object.keys(NODE_STEPS)))
})

const NODE_STEPS: Readonly<Record<Exclude<NodeAction['kind'], 'deploy'> | VersionName, true>> = {
  first: true,
  changed: true,
  wide: true,
  failing: true,
  scale: true,
  rollback: true,
  restart: true,
  stop: true,
  start: true,
  drain: true,
  savepoint: true,
  'delete savepoint': true,
  restore: true,
  rewind: true,
}

function scenarios({ from, count }: { readonly from: number; readonly count: number }, nodes: number) {
  return Array.from({ length: count }, (_, index) => scenarioOf(new Machine(from + index).random, TROUBLES, nodes))
}

function happenings({ troubles, stop, flippedBit, upgradeAtMs, standbys, segmentBytes }: Scenario): readonly string[] {
  return [
    ...troubles.map(({ kind }) => kind),
    ...(stop === undefined ? [] : ['stop']),
    ...(flippedBit ? ['flipped bit'] : []),
    ...(upgradeAtMs === undefined ? [] : ['upgrade']),
    ...(standbys === 0 ? [] : ['standbys']),
    ...(segmentBytes === SMALL_SEGMENT_BYTES ? ['small segments'] : []),
  ]
}
