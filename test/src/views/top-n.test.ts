import { MillraceClient } from '@millrace/client'
import { job, json, string, table, topic } from '@millrace/core'
import { startViewServer } from '@millrace/runtime'
import { filter, firstValueFrom } from 'rxjs'
import { expect, onTestFinished, test } from 'vitest'
import { succeed } from '../flights/command.ts'
import { JobWorld } from '../runtime/job-world.ts'

interface Product {
  readonly shop: string
  readonly price: number
}

const products = topic('products', { key: string(), value: json<Product>() })
const dearest = table(products, 'products')
  .groupBy((product) => product.shop, string())
  .topN('dearest', 2, (product) => product.price)

/** The job with two partitions, its view server, and a client of it. */
async function running() {
  const world = await JobWorld.open()
  await world.topic('products', { partitions: 2 })
  const container = await world.start(job('shops', dearest))
  const { env } = world
  const status = () => ({ job: 'shops', phase: 'running', atMs: 0, tasks: [], problems: [] }) as const
  const server = await startViewServer({ job: 'shops', views: container.views, status, env, port: 0, token: null })
  onTestFinished(async () => {
    await server.close()
    await container.stop()
    await world.close()
  })
  const sent = { 0: 0, 1: 0 }
  /** Writes products: those whose key begins with `z` to partition 1. Returns the position behind all that were written. */
  const send = async (...changes: readonly (readonly [key: string, value: Product | null])[]) => {
    const records = changes.map(([key, value]) => {
      const partition = key.startsWith('z') ? 1 : 0
      sent[partition]++
      return { key, value, timestamp: 1000, partition }
    })
    await world.produce('products', products.value, records)
    return { products: { ...sent } }
  }
  return { send, client: new MillraceClient(server.url), url: server.url }
}

const web = (price: number): Product => ({ shop: 'web', price })

test('a top N is read in order by HTTP, by the client and on the command line', { timeout: 60_000 }, async () => {
  const { send, client, url } = await running()
  const after = await send(['a', web(1)], ['b', web(3)], ['z', web(2)], ['c', { shop: 'here', price: 5 }])
  expect(await client.view(dearest).get('web', { after })).toEqual([
    { rank: 1, key: 'b', value: web(3) },
    { rank: 2, key: 'z', value: web(2) },
  ])
  const answer = await fetch(`${url}/views/dearest/value?key=web`)
  expect(await answer.json()).toMatchObject({
    key: 'web',
    value: [
      { rank: 1, key: 'b', value: web(3) },
      { rank: 2, key: 'z', value: web(2) },
    ],
  })
  const [list] = (await client.views()).filter(({ name }) => name === 'dearest')
  expect(list).toMatchObject({ key: 'string', value: 'ranking(string,json)', shape: 'key' })
  const printed = await succeed(['query', 'dearest', '--url', url])
  expect(printed.trimEnd().split('\n')).toEqual([
    'key   rank  row  shop  price',
    'here     1  c    here      5',
    'web      1  b    web       3',
    'web      2  z    web       2',
  ])
})

test('a change of a row in a top N is followed as one change of its list, with the next row in its place', async () => {
  const { send, client } = await running()
  const after = await send(['a', web(1)], ['b', web(3)], ['z', web(2)])
  const view = client.view(dearest)
  await view.get('web', { after })
  const changes = view.changes({ key: 'web' })
  const next = (keys: string) =>
    firstValueFrom(
      changes.pipe(
        filter((event) => event.kind === 'change' && event.entry.value?.map(({ key }) => key).join(' ') === keys),
      ),
    )
  const followed = next('z a')
  await firstValueFrom(changes.pipe(filter(({ kind }) => kind === 'start')))
  await send(['b', null])
  await followed
  expect(await view.get('web')).toEqual([
    { rank: 1, key: 'z', value: web(2) },
    { rank: 2, key: 'a', value: web(1) },
  ])
})
