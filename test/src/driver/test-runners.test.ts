import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { int32, job, stream, string, topic } from '@millrace/core'
import { openTestDriver, SimulationError, simulate } from '@millrace/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const numbers = topic('numbers', { key: string(), value: int32() })
const sums = stream(numbers)
  .groupByKey()
  .reduce('sums', (a, b) => a + b)
const summing = job('summing', sums)

const records = fc.array(
  fc.record({ key: fc.constantFrom('a', 'b', 'c'), value: fc.nat(100), timestamp: fc.nat(1000) }),
  { maxLength: 20 },
)

test("under Node's own test runner a right job passes, and the failure of a wrong one has the seed", () => {
  const file = fileURLToPath(new URL('simulate-under-node-test.ts', import.meta.url))
  const { status, stdout } = spawnSync(process.execPath, ['--conditions=millrace-source', file], { encoding: 'utf8' })
  expect(stdout).toMatch(/pass 1$/m)
  expect(stdout).toMatch(/fail 1$/m)
  expect(stdout).toContain('With seed 1, job wrong comes to something else each time that it runs')
  expect(status).toBe(1)
})

test('under vitest a simulation of a wrong job rejects with what differs', async () => {
  let last = 0
  const changes = stream(numbers).mapValues((value) => {
    const change = value - last
    last = value
    return change
  }, int32())
  const inputs = [
    { topic: numbers, records: [1, 2, 4].map((value) => ({ key: 'a', value, timestamp: value })) },
  ] as const
  const wrong = job(
    'changes',
    changes.groupByKey().reduce('changes', (_, value) => value),
  )
  await expect(simulate(wrong, { inputs, seeds: 20 })).rejects.toBeInstanceOf(SimulationError)
})

test('as a property of fast-check, a right job holds for all records and seeds', async () => {
  const property = fc.asyncProperty(records, fc.nat(), async (given, seed) => {
    await simulate(summing, { inputs: [{ topic: numbers, records: given }], seed, interleavings: 'same views' })
  })
  await fc.assert(property, { numRuns: 10 })
})

test('as a property of fast-check, a wrong job shrinks to one record', async () => {
  let count = 0
  const wrong = job(
    'wrong',
    stream(numbers)
      .mapValues(() => ++count, int32())
      .toTable('counted'),
  )
  const property = fc.asyncProperty(records, fc.nat(), async (given, seed) => {
    await simulate(wrong, { inputs: [{ topic: numbers, records: given }], seed })
  })
  const { failed, counterexample } = await fc.check(property, { numRuns: 10 })
  expect(failed).toBe(true)
  expect(counterexample).toMatchObject([[{ key: 'a', value: 0, timestamp: 0 }], 0])
})

test('as a property of fast-check, a unit test with the driver holds with crashes and in all interleavings', async () => {
  const property = fc.asyncProperty(records, fc.nat(), fc.boolean(), async (given, seed, crashAtEveryCommit) => {
    const driver = await openTestDriver(summing, { partitions: 2, seed, crashAtEveryCommit })
    try {
      await driver.send(numbers, ...given)
      const expected = given.filter(({ key }) => key === 'a').reduce((sum, { value }) => sum + value, 0)
      expect((await driver.view(sums).get('a')) ?? 0).toBe(expected)
    } finally {
      await driver.close()
    }
  })
  await fc.assert(property, { numRuns: 10 })
})
