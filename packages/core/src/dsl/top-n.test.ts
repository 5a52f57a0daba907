import { describe, expect, expectTypeOf, test } from 'vitest'
import {
  describe as describeJob,
  job,
  json,
  type Ranked,
  stream,
  string,
  type Table,
  table,
  topic,
  tumbling,
  type Windowed,
} from '../index.ts'
import { jobMeaning } from '../topology/job-meaning.ts'
import { toTopology } from '../topology/to-topology.ts'
import { type ViewKey, type ViewValue, viewOf } from './view.ts'

interface Product {
  readonly shop: number
  readonly price: number
}

const source = topic('products', { key: string(), value: json<Product>() })
const products = table(source, 'products')
const dearest = products.topN('dearest', 10, (product) => product.price)

describe('a top N', () => {
  test('is a table of rows in order, whose callbacks know the row', () => {
    const top = products.topN('top', 10, (product, key, context) => {
      expectTypeOf(product).toEqualTypeOf<Product>()
      expectTypeOf(key).toEqualTypeOf<string>()
      expectTypeOf(context.timestamp).toEqualTypeOf<number>()
      return product.price
    })
    expectTypeOf(top).toEqualTypeOf<Table<string, readonly Ranked<string, Product>[]>>()
    const byShop = products
      .groupBy((product) => product.shop, json())
      .topN('by-shop', 3, (product, key) => {
        expectTypeOf(product).toEqualTypeOf<Product>()
        expectTypeOf(key).toEqualTypeOf<string>()
        return key
      })
    expectTypeOf(byShop).toEqualTypeOf<Table<number, readonly Ranked<string, Product>[]>>()
    expectTypeOf<ViewKey<typeof byShop>>().toEqualTypeOf<number>()
    expectTypeOf<ViewValue<typeof byShop>>().toEqualTypeOf<readonly Ranked<string, Product>[]>()
    expect(viewOf(byShop)).toMatchObject({ name: 'by-shop', key: { name: 'json' }, shape: { kind: 'key' } })
  })

  test('has the keys of a windowed table with their windows', () => {
    const busiest = stream(source)
      .groupByKey()
      .window(tumbling('1h'))
      .count('hours')
      .topN('busiest', 3, (count) => count)
    expectTypeOf(busiest).toEqualTypeOf<Table<string, readonly Ranked<Windowed<string>, number>[]>>()
    expect(viewOf(busiest).value.name).toBe('ranking(windowed(string),int64)')
  })

  test('does not compile for ranks that cannot be compared, and for rows without a group', () => {
    // @ts-expect-error: a product cannot be compared
    expect(products.topN('top', 3, (product) => product)).toBeDefined()
    // @ts-expect-error: a promise cannot be compared
    expect(products.topN('top', 3, async (product) => product.price)).toBeDefined()
    // @ts-expect-error: there is no such order
    const upwards = products.topN('top', 3, ({ price }) => price, { order: 'upwards' })
    expect(() => job('j', upwards)).toThrow(
      'Step topN "top" has no order "upwards". Choose \'descending\' or \'ascending\'',
    )
    const groups = products.groupBy((): string | null => null)
    // @ts-expect-error: groups may be null
    expect(groups.topN('top', 3, ({ price }: Product) => price)).toBeDefined()
  })

  test('goes through a repartition topic, of one partition without groups', () => {
    const byShop = products.groupBy((product) => product.shop).topN('by-shop', 3, ({ price }) => price)
    const { subtopologies } = toTopology(job('j', dearest, byShop))
    const inputs = subtopologies.flatMap((each) => each.inputs)
    const partitions = inputs.map(({ topic: name, node }) => [
      name,
      node.kind === 'repartition' ? node.partitions : 'its own',
    ])
    expect(Object.fromEntries(partitions)).toEqual({
      products: 'its own',
      'j.dearest.repartition': 1,
      'j.by-shop.repartition': undefined,
    })
    expect(describeJob(job('j', dearest))).toContain(
      'topN "dearest"  [view dearest: string → ranking(string,json), the first 10 descending]  [store dearest.candidates: keys(string,string) → json]',
    )
  })

  test.each([0, -1, 1.5, Number.NaN, 1001])('of fewer than 1 or more than 1,000 rows is refused (%s)', (rows) => {
    expect(() =>
      job(
        'j',
        products.topN('top', rows, ({ price }) => price),
      ),
    ).toThrow(`has a problem:\n- Step topN "top" cannot have ${rows} rows. Give a whole number from 1 to 1000`)
  })

  test('of 1,000 rows is not refused', () => {
    expect(() =>
      job(
        'j',
        products.topN('top', 1000, ({ price }) => price),
      ),
    ).not.toThrow()
  })

  test('means other stores with another number of rows, and in another order', () => {
    const options = [
      [10, {}],
      [10, { order: 'descending' }],
      [20, {}],
      [10, { order: 'ascending' }],
    ] as const
    const [ten, descending, twenty, ascending] = options.map(
      ([rows, each]) =>
        jobMeaning(
          toTopology(
            job(
              'j',
              products.topN('top', rows, ({ price }) => price, each),
            ),
          ),
        ).stores,
    )
    expect(ten?.['top']).toMatchObject({ step: 'topN', topRows: 10, rankOrder: 'descending' })
    expect(descending).toEqual(ten)
    expect(Object.keys(ten ?? {}).sort()).toEqual(['products', 'top', 'top.candidates', 'top.reach', 'top.rows'])
    for (const name of ['top', 'top.candidates', 'top.reach', 'top.rows']) {
      expect(twenty?.[name]).toEqual({ ...ten?.[name], topRows: 20 })
      expect(ascending?.[name]).toEqual({ ...ten?.[name], rankOrder: 'ascending' })
    }
  })
})
