import { openFileLog } from '@millrace/connectors/file'
import { json, openTopicWriter, readTopic, string, topic } from '@millrace/core'
import { expect, onTestFinished, test } from 'vitest'
import { UserFolder } from '../command/job-files.ts'
import { run, start, succeed } from '../flights/command.ts'

const CUSTOMERS = 30

const JOB = `
import { job, json, stream, string, topic } from '@millrace/core'

const orders = topic('orders', { key: string(), value: json<{ cents: number, city: string }>() })
const accepted = topic('accepted', { key: string(), value: json<{ cents: number }>() })
const spent = topic('spent', { key: string(), value: json<number>() })
const totals = stream(orders).groupByKey().aggregate('totals', { init: () => 0, add: (total: number, { cents }) => total + cents })
const cities = stream(orders).groupBy(({ city }) => city, string()).count('cities')
export default job('shop', totals, cities, totals.changes().to(spent), stream(orders).to(accepted))
`

/** Another job that reads the topic. */
const WATCHER = `
import { job, json, stream, string, topic } from '@millrace/core'

export default job('watcher', stream(topic('orders', { key: string(), value: json() })).groupByKey().count('watched'))
`

/** Appends to the topic that is rescaled. */
const INTAKE = `
import { job, json, stream, string, topic } from '@millrace/core'

const received = topic('received', { key: string(), value: json() })
export default job('intake', stream(received).to(topic('orders', { key: string(), value: json() })))
`

const orders = topic('orders', { key: string(), value: json<{ cents: number; city: string; number: number }>() })
const received = topic('received', { key: string(), value: json<{ cents: number; city: string; number: number }>() })
const accepted = topic('accepted', { key: string(), value: json<{ cents: number }>() })
const spent = topic('spent', { key: string(), value: json<number>() })

/** What every customer has spent after each of the orders, in their order. */
class Oracle {
  readonly totals = new Map<string, number>()
  readonly changes = new Map<string, number[]>()
  readonly cities = new Map<string, number>()
  count = 0

  next() {
    const key = `customer-${this.count % CUSTOMERS}`
    const value = { cents: 1 + (this.count % 97), city: `city-${this.count % 7}`, number: this.count }
    this.count++
    const total = (this.totals.get(key) ?? 0) + value.cents
    this.totals.set(key, total)
    this.changes.set(key, [...(this.changes.get(key) ?? []), total])
    this.cities.set(value.city, 1 + (this.cities.get(value.city) ?? 0))
    return { key, value }
  }
}

class Shop {
  readonly folder = new UserFolder()
  readonly oracle = new Oracle()
  readonly millrace = (...args: readonly string[]) => succeed([...args, '--data', this.folder.data])

  static async open(): Promise<Shop> {
    const shop = new Shop()
    onTestFinished(() => shop.folder[Symbol.dispose]())
    await shop.millrace('topics', 'create', 'orders', '--partitions', '2')
    await shop.millrace('topics', 'create', 'received', '--partitions', '2')
    for (const name of ['accepted', 'spent']) await shop.millrace('topics', 'create', name, '--partitions', '3')
    return shop
  }

  async sell(count: number, to = orders): Promise<void> {
    const log = await openFileLog({ directory: this.folder.data })
    const writer = await openTopicWriter(log, to)
    for (let order = 0; order < count; order++) if (!writer.send(this.oracle.next())) await writer.flush()
    await writer.close()
    await log.close()
  }

  /** Starts the node, which ends with the test. */
  async up(): Promise<void> {
    const node = start(['up', '--port', '0', '--healthy-after', '500ms', '--data', this.folder.data])
    onTestFinished(async () => {
      node.child.kill('SIGTERM')
      await node.ended
    })
    await node.line(/The node runs/)
  }

  async partitions(): Promise<number> {
    return (await this.millrace('topics', 'describe', 'orders', '--json')).trim().split('\n').length
  }

  async status(): Promise<{ readonly phase: string }> {
    return JSON.parse(await this.millrace('status', 'shop', '--json'))
  }

  /** Every order is in the topic once, and those of each customer are in their order. */
  async isWhole(): Promise<void> {
    const log = await openFileLog({ directory: this.folder.data })
    const found = new Map<string, number[]>()
    for await (const { key, value } of readTopic(log, orders, { untilEnd: true })) {
      found.set(key, [...(found.get(key) ?? []), value?.number ?? -1])
    }
    await log.close()
    const numbers = Array.from({ length: this.oracle.count }, (_, number) => number)
    const inOrder = Map.groupBy(numbers, (number) => `customer-${number % CUSTOMERS}`)
    expect(found).toEqual(inOrder)
  }

  async rows(view: string): Promise<Map<string, number>> {
    const { stdout } = await run(['query', view, '--job', 'shop', '--all', '--json', '--data', this.folder.data])
    const rows = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
    return new Map(rows.map(({ key, value }) => [key, value]))
  }

  /** The views are those of the oracle, and each output has each result once, in its order. */
  async isRight(): Promise<void> {
    await expect.poll(() => this.rows('totals'), { timeout: 30_000 }).toEqual(this.oracle.totals)
    await expect.poll(() => this.rows('cities'), { timeout: 30_000 }).toEqual(this.oracle.cities)
    const log = await openFileLog({ directory: this.folder.data })
    const changes = new Map<string, (number | null)[]>()
    for await (const { key, value } of readTopic(log, spent, { untilEnd: true })) {
      changes.set(key, [...(changes.get(key) ?? []), value])
    }
    expect(changes).toEqual(this.oracle.changes)
    let passed = 0
    for await (const _ of readTopic(log, accepted, { untilEnd: true })) passed++
    expect(passed).toBe(this.oracle.count)
    await log.close()
  }
}

test('a topic is rescaled while its jobs run on a node: totals are right, and no output is lost or doubled', {
  timeout: 240_000,
}, async () => {
  const shop = await Shop.open()
  const { millrace } = shop
  const data = ['--data', shop.folder.data]
  await shop.up()
  await shop.sell(2000)
  const file = shop.folder.write('job.ts', JOB)
  await millrace('deploy', file, '--containers', '2')
  await millrace('deploy', shop.folder.write('intake.ts', INTAKE))
  await shop.isRight()

  const plan = await run(['rescale', 'orders', '--partitions', '4', '--dry-run', ...data])
  expect(plan).toMatchObject({ code: 0, stdout: '' })
  expect(plan.stderr).toMatch(
    /orders has 2 partitions, and gets 4.*at most 2,000 records.*start of their inputs:\n +shop: it is drained, and started again/s,
  )
  const json = JSON.parse(await millrace('rescale', 'orders', '--partitions', '4', '--dry-run', '--json'))
  expect(json).toMatchObject({ topic: 'orders', from: 2, to: 4, records: 2000, jobs: ['shop'] })
  const unconfirmed = await run(['rescale', 'orders', '--partitions', '4', ...data])
  expect(unconfirmed).toMatchObject({ code: 1, stderr: expect.stringContaining('--partitions 4 --yes') })
  expect(await shop.partitions()).toBe(2)

  // The job that appends them to the topic may be refused in the middle.
  await shop.sell(500, received)
  const done = await run(['rescale', 'orders', '--partitions', '4', '--yes', '--why', 'more containers', ...data])
  expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('4 partitions now') })
  expect(done.stdout).toContain('Job shop runs again')
  expect((await shop.status()).phase).toBe('running')
  await shop.isRight()
  await shop.isWhole()
  await shop.sell(1000, received)
  await shop.isRight()
  await millrace('rescale', 'orders', '--partitions', '1', '--yes')
  await shop.sell(100)
  await shop.isRight()
  await shop.isWhole()
  expect(await millrace('history', 'shop')).toMatch(
    /drain .*more containers.*drained.*drain .*topic orders gets 1 partition/s,
  )
  expect(await millrace('rescale', 'orders', '--partitions', '1', '--yes')).toContain('has 1 partition already')
})

test('a job that the node cannot stop prevents a rescale, and the jobs that were stopped for it run again', {
  timeout: 120_000,
}, async () => {
  const shop = await Shop.open()
  const data = ['--data', shop.folder.data]
  await shop.up()
  await shop.sell(200)
  const file = shop.folder.write('job.ts', JOB)
  await shop.millrace('deploy', file)
  const other = start(['run', shop.folder.write('watcher.ts', WATCHER), ...data])
  onTestFinished(() => void other.child.kill('SIGKILL'))
  const watched = () => run(['query', 'watched', '--job', 'watcher', '--all', ...data])
  await expect.poll(watched, { timeout: 30_000 }).toMatchObject({ code: 0 })
  const refused = await run(['rescale', 'orders', '--partitions', '4', '--yes', ...data])
  expect(refused).toMatchObject({
    code: 5,
    stdout: '',
    stderr: expect.stringMatching(/watcher: not deployed.*JOB_RUNNING/s),
  })
  expect((await shop.status()).phase).toBe('running')
  expect(await shop.partitions()).toBe(2)
  await shop.sell(200)
  await shop.isRight()
  other.child.kill('SIGTERM')
  expect((await other.ended).code).toBe(0)
  await shop.millrace('rescale', 'orders', '--partitions', '4', '--yes')
  await shop.isRight()
})

const STEPS = ['Keeps others', 'Drains job', 'Processes what', 'Copies', 'Puts the copy', 'Sets job', 'Starts job']

test('a rescale whose process is killed at each of its steps leaves one whole topic, and the next one and a start continue', {
  timeout: 240_000,
}, async () => {
  const shop = await Shop.open()
  const data = ['--data', shop.folder.data]
  await shop.up()
  await shop.sell(1000)
  await shop.millrace('deploy', shop.folder.write('job.ts', JOB))
  for (const [round, step] of STEPS.entries()) {
    const [from, to] = round % 2 === 0 ? [2, 4] : [4, 2]
    const rescale = start(['rescale', 'orders', '--partitions', `${to}`, '--yes', ...data])
    await rescale.line(new RegExp(step))
    rescale.child.kill('SIGKILL')
    await rescale.ended
    expect([from, to]).toContain(await shop.partitions())
    await shop.isWhole()
    // The node may still drain the job.
    await expect.poll(async () => (await shop.status()).phase, { timeout: 30_000 }).not.toBe('draining')
    const { stdout } = await run(['rescale', 'orders', '--partitions', `${to}`, '--yes', ...data])
    expect(stdout, step).toContain(`has ${to} partitions`)
    await shop.millrace('start', 'shop')
    await shop.sell(50)
    await shop.isRight()
    await shop.isWhole()
  }
})

test('a rescale that is interrupted changes nothing, and its jobs run again', { timeout: 120_000 }, async () => {
  const shop = await Shop.open()
  await shop.up()
  await shop.sell(500)
  await shop.millrace('deploy', shop.folder.write('job.ts', JOB))
  const rescale = start(['rescale', 'orders', '--partitions', '4', '--yes', '--data', shop.folder.data])
  await rescale.line(/Processes what/)
  rescale.child.kill('SIGINT')
  expect(await rescale.ended).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/Starts job shop.*Nothing was changed/s),
  })
  expect(await shop.partitions()).toBe(2)
  expect((await shop.status()).phase).toBe('running')
  await shop.sell(100)
  await shop.isRight()
  await shop.isWhole()
})

test('a rescale that is killed at random moments is finished by the next one', { timeout: 240_000 }, async () => {
  const shop = await Shop.open()
  const data = ['--data', shop.folder.data]
  const file = shop.folder.write('job.ts', JOB)
  await shop.sell(2000)
  await shop.millrace('run', file, '--until-end')
  for (const [round, partitions] of ['4', '3'].entries()) {
    for (let kill = 0; kill < 4; kill++) {
      const rescale = start(['rescale', 'orders', '--partitions', partitions, '--yes', ...data])
      await rescale.line(/Keeps others|already/)
      const timer = setTimeout(() => rescale.child.kill('SIGKILL'), 20 + kill * 40)
      await rescale.ended
      clearTimeout(timer)
    }
    await shop.millrace('rescale', 'orders', '--partitions', partitions, '--yes')
    await shop.sell(300 + round)
    await shop.millrace('run', file, '--until-end')
    await shop.isRight()
  }
})
