import { int64, job, type Serde, string, table, topic } from '@millrace/core'
import { type Container, restoreSavepoint, rewindToStart, startViewServer, takeSavepoint } from '@millrace/runtime'
import { expect, onTestFinished, test } from 'vitest'
import { seededRandom } from '../flights/seeded-random.ts'
import { JobWorld } from './job-world.ts'
import { ResumingClient } from './resuming-client.ts'

const PARTITIONS = 3
const SEEDS = Number(process.env['MILLRACE_RESUMED_CHANGES'] ?? 4)
const KEYS = Array.from({ length: 12 }, (_, number) => `${'abc'.charAt(number % 3)}${number}`)

const numbers = topic('numbers', { key: string(), value: int64() })
const theJob = job('rows', table(numbers, 'latest'))

/** A job that runs, its server, and every change that it commits. */
class Trial {
  readonly world: JobWorld
  readonly random: () => number
  /** Every change of the view, in the order of each key: `<key>=<value>`. */
  readonly committed: string[] = []
  readonly expected = new Map<string, number>()
  #value = 0
  #container: Container | undefined
  #server: { readonly url: string; close(): Promise<void> } | undefined

  private constructor(world: JobWorld, seed: number) {
    this.world = world
    this.random = seededRandom(seed)
  }

  static async open(seed: number, segmentBytes = 64 * 1024 * 1024): Promise<Trial> {
    const world = await JobWorld.open()
    onTestFinished(() => world.close())
    await world.topic('numbers', { partitions: PARTITIONS })
    await world.topic('rows.changelog', { cleanup: 'compact', partitions: PARTITIONS, segmentBytes })
    const trial = new Trial(world, seed)
    await trial.start()
    onTestFinished(() => trial.stop())
    return trial
  }

  below(bound: number): number {
    return Math.floor(this.random() * bound)
  }

  get view(): string {
    return `${this.#server?.url}/views/latest`
  }

  get options() {
    const { directory, stateDirectory, env, log } = this.world
    return { job: 'rows', log, env, data: directory, stateDirectory }
  }

  async start(): Promise<void> {
    const container = await this.world.start(theJob, { commitIntervalMs: 1 })
    this.#container = container
    for (const { changes } of container.views[0]?.parts ?? []) {
      changes.subscribe((commit) => {
        for (const { key, value } of commit.changes) this.committed.push(`${key}=${value}`)
      })
    }
    const status = () => ({ job: 'rows', phase: 'running' as const, atMs: 0, tasks: [], problems: [] })
    const { views } = container
    this.#server = await startViewServer({ job: 'rows', views, status, env: this.world.env, token: null })
  }

  async stop(): Promise<void> {
    await this.#server?.close()
    await this.#container?.stop()
    this.#server = undefined
    this.#container = undefined
  }

  /** Appends records, some of them deletions, in several commits. */
  async produce(count = 1 + this.below(30)): Promise<void> {
    for (let left = count; left > 0; left -= 5) {
      const records = Array.from({ length: Math.min(5, left) }, () => {
        const number = this.below(KEYS.length)
        const key = KEYS[number] ?? ''
        const value = this.random() < 0.3 ? null : ++this.#value
        if (value === null) this.expected.delete(key)
        else this.expected.set(key, value)
        return { key, value, timestamp: 0, partition: number % PARTITIONS }
      })
      await this.world.produce('numbers', int64() as Serde<number>, records)
      for (let turn = this.below(4); turn > 0; turn--) await this.world.env.timers.turn()
    }
  }

  /** Waits until everything is in the view. Returns its position. */
  async settled(): Promise<string> {
    await this.#container?.caughtUp()
    const response = await fetch(`${this.view}/entries?limit=1`)
    return ((await response.json()) as { readonly position: string }).position
  }
}

/** What a client with a filter should have had. */
function wanted(changes: readonly string[], filter: string): string[] {
  const [kind, text = ''] = filter.split('=')
  return changes.filter((change) => (kind === 'key' ? change.startsWith(`${text}=`) : change.startsWith(text)))
}

/** The changes of each key, in order. */
function byKey(changes: readonly string[]): Map<string, string[]> {
  return new Map([...Map.groupBy(changes, (change) => change.split('=')[0] ?? '')].sort(([a], [b]) => (a < b ? -1 : 1)))
}

const FILTERS = ['', 'prefix=a', 'key=b1']

test.each(Array.from({ length: SEEDS }, (_, seed) => seed))(
  'clients that come back at random moments, to servers and jobs that restart, have every change once (seed %i)',
  { timeout: 60_000 },
  async (seed) => {
    const trial = await Trial.open(seed)
    const clients = FILTERS.map((filter) => ({ filter, client: new ResumingClient(filter) }))
    for (const { client } of clients) await client.connect(trial.view)
    for (let step = 0; step < 40; step++) {
      const choice = trial.below(10)
      const { client } = clients[trial.below(clients.length)] ?? { client: new ResumingClient() }
      if (choice < 4) await trial.produce()
      else if (choice < 6) await client.disconnect()
      else if (choice < 9 && !client.connected) await Promise.all([client.connect(trial.view), trial.produce()])
      else if (choice === 9) {
        for (const each of clients) await each.client.disconnect()
        // What is committed after the start, and before it is watched, would be missing in what is compared.
        await trial.settled()
        await trial.stop()
        await trial.start()
      }
    }
    const position = await trial.settled()
    for (const { filter, client } of clients) {
      await client.disconnect()
      await client.connect(trial.view)
      await client.reached(position)
      await client.disconnect()
      expect(byKey(client.changes)).toEqual(byKey(wanted(trial.committed, filter)))
      expect(client.resets).toEqual([])
      expect(client.copy).toEqual(
        new Map([...trial.expected].filter(([key]) => wanted([`${key}=`], filter).length > 0)),
      )
    }
  },
)

test.each(Array.from({ length: SEEDS }, (_, seed) => seed))(
  'a copy is right also if compaction removes changes while its client is away (seed %i)',
  { timeout: 60_000 },
  async (seed) => {
    const trial = await Trial.open(100 + seed, 2048)
    const clients = FILTERS.map((filter) => ({ filter, client: new ResumingClient(filter) }))
    for (const { client } of clients) await client.connect(trial.view)
    for (let step = 0; step < 30; step++) {
      const { client } = clients[trial.below(clients.length)] ?? { client: new ResumingClient() }
      if (trial.random() < 0.3 && client.connected) await client.disconnect()
      await trial.produce()
      if (trial.random() < 0.5) {
        // Two days later, the deletions that are compacted again are removed.
        trial.world.passHours(24 * trial.below(3))
        await trial.settled()
        await trial.world.log.admin.clean('rows.changelog')
      }
      if (trial.random() < 0.6 && !client.connected) await client.connect(trial.view)
    }
    const position = await trial.settled()
    for (const { filter, client } of clients) {
      await client.disconnect()
      await client.connect(trial.view)
      await client.reached(position)
      await client.disconnect()
      expect(client.copy).toEqual(
        new Map([...trial.expected].filter(([key]) => wanted([`${key}=`], filter).length > 0)),
      )
      for (const reset of client.resets) expect(['unknown', 'compacted']).toContain(reset)
    }
    expect(clients.flatMap(({ client }) => client.resets).length).toBeGreaterThan(0)
  },
)

test('what compaction has removed is not passed over: its client begins again', async () => {
  const trial = await Trial.open(7, 1024)
  const client = new ResumingClient()
  await client.connect(trial.view)
  await trial.produce(20)
  await client.reached(await trial.settled())
  await client.disconnect()
  const before = client.changes.length
  await trial.produce(400)
  await trial.settled()
  await trial.world.log.admin.clean('rows.changelog')
  await client.connect(trial.view)
  await client.disconnect()
  expect(client.resets).toHaveLength(1)
  expect(client.changes).toHaveLength(before)
  expect(client.copy).toEqual(trial.expected)
})

test.each([
  ['restored from a savepoint', (trial: Trial) => restoreSavepoint(trial.options, 'before')],
  ['rewound to the start', (trial: Trial) => rewindToStart(trial.options)],
])('a client of a job that was %s begins again, although the offsets are there', async (_, setBack) => {
  const trial = await Trial.open(9)
  const client = new ResumingClient()
  await client.connect(trial.view)
  await trial.produce(30)
  await trial.settled()
  await takeSavepoint(trial.options, 'before')
  await trial.produce(30)
  await client.reached(await trial.settled())
  await client.disconnect()
  const before = client.changes.length
  await trial.stop()
  await setBack(trial)
  await trial.start()
  const position = await trial.settled()
  await client.connect(trial.view)
  await client.reached(position)
  await client.disconnect()
  expect(client.resets).toEqual(['unknown'])
  expect(client.changes).toHaveLength(before)
  expect(client.copy).toEqual(trial.expected)
})
