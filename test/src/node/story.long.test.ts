import { setTimeout } from 'node:timers/promises'
import { openFileLog } from '@millrace/connectors/file'
import { json, openTopicWriter, readTopic, string, topic } from '@millrace/core'
import { expect, onTestFinished, test } from 'vitest'
import { UserFolder } from '../command/job-files.ts'
import { run, start, succeed } from '../flights/command.ts'

const CUSTOMERS = 30
/** How often a view is read until it has what it must have. */
const LOOK_MS = 50

/** Totals by customer, with how many orders each version of the job has added; each order is also passed on. */
function jobFile(version: string, body = ''): string {
  return `
import { job, json, stream, string, topic } from '@millrace/core'

interface Total { cents: number; orders: Record<string, number> }

const orders = topic('orders', { key: string(), value: json<{ cents: number }>() })
const accepted = topic('accepted', { key: string(), value: json<{ cents: number }>() })
const totals = stream(orders).groupByKey().aggregate('totals', {
  init: (): Total => ({ cents: 0, orders: {} }),
  add: ({ cents, orders }: Total, order): Total => {
    ${body}
    return { cents: cents + order.cents, orders: { ...orders, ${version}: (orders['${version}'] ?? 0) + 1 } }
  },
})
console.log('version ${version} is loaded')
export default job('shop', totals, stream(orders).to(accepted))
`
}

interface Total {
  readonly key: string
  readonly value: { readonly cents: number; readonly orders: Readonly<Record<string, number>> }
}

/** Appends orders until it is stopped, and knows what every customer has spent. */
class Shop {
  readonly spent = new Map<string, number>()
  orders = 0
  #running: Promise<void> | undefined
  #stop = false
  readonly #data: string

  constructor(data: string) {
    this.#data = data
  }

  open(): void {
    this.#stop = false
    this.#running = this.#sell()
  }

  async close(): Promise<void> {
    this.#stop = true
    await this.#running
  }

  async #sell(): Promise<void> {
    const log = await openFileLog({ directory: this.#data })
    const writer = await openTopicWriter(log, topic('orders', { key: string(), value: json<{ cents: number }>() }))
    while (!this.#stop) {
      const key = `customer-${this.orders % CUSTOMERS}`
      const cents = 1 + (this.orders % 97)
      writer.send({ key, value: { cents } })
      await writer.flush()
      this.orders++
      this.spent.set(key, (this.spent.get(key) ?? 0) + cents)
      await setTimeout(2)
    }
    await writer.close()
    await log.close()
  }
}

test('a job is deployed, scaled, killed, upgraded, upgraded badly, rolled back, restored, rewound and drained while orders come, and every view is right', {
  timeout: 240_000,
}, async () => {
  const folder = new UserFolder()
  onTestFinished(() => folder[Symbol.dispose]())
  const data = ['--data', folder.data]
  const millrace = (...args: readonly string[]) => succeed([...args, ...data])
  const deployed = (name: string, body?: string) => folder.write(`${name}.ts`, jobFile(name, body))
  for (const name of ['orders', 'accepted']) await millrace('topics', 'create', name, '--partitions', '4')
  const node = start(['up', '--port', '0', '--healthy-after', '500ms', ...data])
  onTestFinished(async () => {
    node.child.kill('SIGTERM')
    await node.ended
  })
  await node.line(/The node runs/)
  const shop = new Shop(folder.data)
  onTestFinished(() => shop.close())
  const totals = async () => {
    const { stdout } = await run(['query', 'totals', '--all', '--json', ...data])
    const rows: Total[] = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
    return new Map(rows.map(({ key, value }) => [key, value]))
  }
  /** Closes the shop, and waits until the view is what every customer has spent. */
  const isRight = async () => {
    await shop.close()
    let seen = await totals()
    const wrong = () => [...shop.spent].filter(([key, cents]) => seen.get(key)?.cents !== cents)
    for (let look = 0; look < 400 && wrong().length > 0; look++) {
      await setTimeout(LOOK_MS)
      seen = await totals()
    }
    expect(wrong()).toEqual([])
    const orders = [...seen.values()].flatMap((total) => Object.values(total.orders))
    expect(orders.reduce((sum, count) => sum + count, 0)).toBe(shop.orders)
    shop.open()
    return new Set([...seen.values()].flatMap((total) => Object.keys(total.orders)))
  }
  const status = async () => JSON.parse(await millrace('status', 'shop', '--json'))

  shop.open()
  await millrace('deploy', deployed('one'), '--containers', '2', '--standbys', '1', '--why', 'the first version')
  expect(await isRight()).toEqual(new Set(['one']))
  expect(await millrace('logs', 'shop')).toMatch(/1\.1 info version one is loaded/)

  await millrace('scale', 'shop', '3')
  expect((await status()).containers).toHaveLength(3)
  await isRight()

  const [victim] = (await status()).containers
  process.kill(victim.pid, 'SIGKILL')
  await isRight()
  await expect.poll(async () => (await status()).phase, { timeout: 30_000 }).toBe('running')
  expect((await status()).containers[0]).toMatchObject({ container: victim.container, restarts: 1 })

  await millrace('upgrade', deployed('two'), '--why', 'counts the orders of version two')
  expect(await isRight()).toEqual(new Set(['one', 'two']))

  const bad = await run(['upgrade', deployed('three', "throw new Error('no such coupon')"), ...data])
  expect(bad).toMatchObject({
    code: 5,
    stderr: expect.stringMatching(/DEPLOY_FAILED.*no such coupon.*is running again/s),
  })
  expect(await isRight()).toEqual(new Set(['one', 'two']))
  expect((await status()).phase).toBe('running')

  await millrace('rollback', 'shop', '--why', 'version one was faster')
  await isRight()

  await millrace('stop', 'shop')
  const stopped = await run(['query', 'totals', 'customer-1', '--json', ...data])
  expect(stopped.code).toBe(0)
  await millrace('start', 'shop')
  await isRight()

  await millrace('savepoint', 'shop', 'before-the-sale')
  await isRight()
  await millrace('restore-savepoint', 'shop', 'before-the-sale')
  await isRight()
  await millrace('rewind', 'shop', '--to', 'start')
  expect(await isRight()).toEqual(new Set(['one']))
  await shop.close()
  await millrace('drain', 'shop')
  expect((await status()).phase).toBe('stopped')
  await millrace('start', 'shop')

  await isRight()
  await shop.close()
  await millrace('stop', 'shop')
  const log = await openFileLog({ directory: folder.data })
  let accepted = 0
  for await (const _ of readTopic(log, topic('accepted', { key: string(), value: json() }), { untilEnd: true }))
    accepted++
  await log.close()
  expect(accepted).toBe(shop.orders)

  await millrace('undeploy', 'shop')
  expect(await millrace('jobs')).toBe('')
  const history = await millrace('history', 'shop', '--json')
  const actions = history
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).action)
  const done = 'deploy|deployed|scale|deploy|deployed|deploy|undone|rollback|deployed|stop|start'
  const doneAgain = 'savepoint|restore savepoint|restored savepoint|rewind|rewound|drain|drained|start|stop|undeploy'
  expect(actions.join('|')).toBe(`${done}|${doneAgain}`)
  node.child.kill('SIGTERM')
  expect((await node.ended).code).toBe(0)
})
