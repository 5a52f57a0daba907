import { expect, test } from 'vitest'
import { rewindSteps } from './rewind-steps.ts'

test('the steps of a rewind list a few partitions, and how many others there are', () => {
  const moves = Array.from({ length: 20 }, (_, partition) => ({ topic: 't', partition, from: 5, to: partition }))
  const steps = rewindSteps({ moves, ids: new Map() }, { to: { kind: 'start' }, repeatOutputs: true })
  expect(steps).toEqual([
    ...[0, 1, 2, 3, 4].map((partition) => `Goes back in t/${partition} from offset 5 to ${partition}`),
    'Stays in t/5 at offset 5',
    ...[6, 7].map(
      (partition) => `Skips t/${partition} from offset 5 to ${partition}: the job never processes these records`,
    ),
    'And 12 other partitions',
    'Drops the state: it is computed from the records from there on',
    'Appends all results to the outputs, also those that they have already',
  ])
})
