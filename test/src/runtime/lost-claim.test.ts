import { job, json, type Log, RefusedError, stream, string, topic } from '@millrace/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { passLog } from './cut-log.ts'
import { JobWorld } from './job-world.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const out = topic('out', { key: string(), value: json<number>() })
const theJob = job('alone', stream(numbers).groupByKey().count('counts').changes().to(out))

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  await world.topic('numbers')
  await world.topic('out')
})

afterEach(() => world.close())

/** Logs without groups, whose claims end with a lease: the test ends it. */
class LeasedClaims {
  #holder: object | undefined

  endLease(): void {
    this.#holder = undefined
  }

  log(): Log {
    const { capabilities, ...rest } = passLog(world.log)
    return {
      ...rest,
      capabilities: { ...capabilities, membership: false },
      claim: async (name) => {
        if (this.#holder !== undefined) throw new RefusedError('JOB_RUNNING', `${name} is claimed`, { job: name })
        const own = {}
        this.#holder = own
        return {
          release: async () => {
            if (this.#holder === own) this.#holder = undefined
          },
        }
      },
    }
  }
}

const produce = (count: number) =>
  world.produce(
    'numbers',
    numbers.value,
    Array.from({ length: count }, (_, index) => ({ key: 'k', value: index, timestamp: 1000 + index })),
  )

const counts = async () => (await world.read('out', out.value, 0)).map(([, value]) => value)

test('a container whose claim ended with its lease commits nothing beside the next one, and ends', async () => {
  const claims = new LeasedClaims()
  const options = { commitIntervalMs: 20 }
  const first = await world.start(theJob, { ...options, log: claims.log() })
  const ended = first.done.then(
    () => undefined,
    (error: unknown) => error,
  )
  await produce(10)
  while ((await counts()).length < 10) await world.env.timers.turn()
  claims.endLease()
  const second = await world.start(theJob, {
    ...options,
    log: claims.log(),
    stateDirectory: `${world.directory}/second`,
  })
  await produce(10)
  while ((await counts()).length < 20) await world.env.timers.turn()
  expect(await ended).toMatchObject({ code: 'JOB_RUNNING' })
  await second.stop()
  await second.done
  expect(await counts()).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
})
