import {
  bytes,
  deadLetter,
  type Header,
  type Job,
  job,
  json,
  type Log,
  stream,
  string,
  topic,
  tumbling,
  windowed,
} from '@millrace/core'
import { type DeadLetter, deadLetterHeaders, partitionOf } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import { startContainer } from '@millrace/runtime'
import { describe, expect, test } from 'vitest'
import { withLog } from '../data-option.ts'
import { RAW_CONTENT } from '../raw-content.ts'
import { DataFolder } from '../testing/data-folder.ts'

const orders = topic('orders', { value: bytes(), aheadMax: 'unlimited' })
const out = topic('out', { value: bytes() })

const BYTES = {
  good: Buffer.from('good'),
  bad: Buffer.from([0xff, 0, 1]),
}

interface Given {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly Header[]
  readonly partition: number
}

async function append(log: Log, name: string, records: readonly Given[]): Promise<void> {
  const writer = log.openWriter()
  for (const [at, { key, value, headers, partition }] of records.entries()) {
    const to = await writer.openPartition(name, partition)
    to.append(1000 + at, key === null ? null : Buffer.from(key), 0, key?.length ?? 0, value, RAW_CONTENT, headers)
  }
  await writer.flush()
  await writer.close()
}

/** Passes on what is good, and keeps the rest as dead letters. */
function passGood(accepts: (value: Uint8Array) => boolean): Job {
  return job(
    'passing',
    stream(orders)
      .onError(deadLetter('dead'))
      .mapValues((value) => {
        if (!accepts(value)) throw new TypeError('not good')
        return value
      }, bytes())
      .to(out),
  )
}

const onlyGood = passGood((value) => Buffer.compare(value, BYTES.good) === 0)
const everything = passGood(() => true)

/** A data directory with topics, in which jobs run to the end of what is there. */
class World extends DataFolder {
  use<T>(use: (log: Log) => Promise<T>): Promise<T> {
    return withLog({ data: this.data }, 'make', use)
  }

  async make(...names: readonly (readonly [name: string, partitions: number])[]): Promise<void> {
    await this.use(async (log) => {
      for (const [name, partitions] of names) await log.admin.createTopic(name, { partitions })
    })
  }

  append(name: string, ...records: readonly Given[]): Promise<void> {
    return this.use((log) => append(log, name, records))
  }

  runToEnd(made: Job): Promise<void> {
    return this.use(async (log) => {
      const options = { job: made, log, env: nodeEnv(), stateDirectory: `${this.data}/state`, untilEnd: true }
      await (await startContainer(options)).done
    })
  }

  /** The records of a topic without their offsets, as JSON, in order. */
  async records(name: string): Promise<unknown[]> {
    return (await this.tail(name)).map((line) => ({ ...JSON.parse(line), offset: undefined }))
  }

  async list(): Promise<Record<string, never>[]> {
    const lines = await this.succeed(['dead-letters', 'list', 'dead', '--json'])
    return lines
      .toString()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  }
}

const record = (value: Uint8Array | null, partition = 0): Given => ({ key: null, value, headers: [], partition })

describe('the records of dead letters', () => {
  test('are sent to where they came from, byte for byte, and each once', async () => {
    using world = new World()
    await world.make(['orders', 3], ['dead', 2], ['out', 3])
    const odd: Given[] = [
      { key: null, value: BYTES.bad, headers: [['trace', BYTES.bad]], partition: 2 },
      {
        key: Buffer.from([0xfe]),
        value: Buffer.alloc(0),
        headers: [
          ['a', null],
          ['a', Buffer.from('b')],
        ],
        partition: 1,
      },
      { key: Buffer.alloc(0), value: Buffer.from('{"a":1.0}'), headers: [], partition: 2 },
    ]
    await world.append('orders', record(BYTES.good), ...odd)
    const before = await world.records('orders')
    await world.runToEnd(onlyGood)
    expect((await world.list()).map(({ state }) => state)).toEqual(['waiting', 'waiting', 'waiting'])

    const dry = await world.succeed(['dead-letters', 'resend', 'dead', '--dry-run', '--json'])
    expect(JSON.parse(dry.toString())).toEqual({ sent: { orders: 3 }, left: 0, dryRun: true })
    expect(await world.records('orders')).toEqual(before)

    expect((await world.succeed(['dead-letters', 'resend', 'dead'])).toString()).toBe(
      'Sent 3 records to topic orders\n',
    )
    const sorted = (records: readonly unknown[]) => records.map((each) => JSON.stringify(each)).sort()
    expect(sorted(await world.records('orders'))).toEqual(sorted([...before, ...before.slice(1)]))
    expect((await world.list()).map(({ state }) => state)).toEqual(['sent', 'sent', 'sent'])
    expect((await world.succeed(['dead-letters', 'resend', 'dead'])).toString()).toBe('Nothing to send\n')

    await world.runToEnd(everything)
    expect(await world.tail('out')).toHaveLength(4)
  })

  test('that fail again are sent again once more, without the headers of the failure', async () => {
    using world = new World()
    await world.make(['orders', 1], ['dead', 1], ['out', 1])
    await world.append('orders', { ...record(BYTES.bad), headers: [['trace', BYTES.good]] })
    for (let round = 0; round < 3; round++) {
      await world.runToEnd(onlyGood)
      await world.succeed(['dead-letters', 'resend', 'dead'])
    }
    expect(await world.tail('dead')).toHaveLength(3)
    const [first, ...others] = await world.records('orders')
    expect(others).toEqual([first, first, first])
  })

  test('are listed with the record, the failure, and what became of them', async () => {
    using world = new World()
    await world.make(['orders', 1], ['dead', 1], ['out', 1])
    await world.append('orders', record(Buffer.from('"moon\\u001b"')))
    await world.runToEnd(onlyGood)
    const [listed] = await world.list()
    expect(listed).toMatchObject({
      state: 'waiting',
      value: 'moon\u001b',
      letter: {
        error: 'CALLBACK_FAILED',
        message: 'The callback of mapValues threw: not good',
        cause: 'TypeError: not good',
        job: 'passing',
        step: 'mapValues',
        input: { topic: 'orders', partition: 0, offset: 0 },
      },
    })
    const text = (await world.succeed(['dead-letters', 'list', 'dead', '--limit', '1'])).toString()
    expect(text).toContain('CALLBACK_FAILED in mapValues of passing at orders/0 offset 0: The callback')
    expect(text).toContain('waiting')
  })

  test('are left if no topic had them for others to write, and the others are sent', async () => {
    using world = new World()
    await world.make(['orders', 1], ['dead', 1], ['out', 1])
    const numbers = topic('numbers', { key: string(), value: json<number>(), aheadMax: 'unlimited' })
    await world.make(['numbers', 1])
    const failing = () => {
      throw new Error('no')
    }
    const source = stream(numbers).onError(deadLetter('dead'))
    const results = source
      .groupByKey()
      .window(tumbling(1))
      .count('in-windows', { emit: 'final' })
      .changes()
      .mapValues(failing, json<number>())
    const behind = source.repartition('again').mapValues(failing, json<number>())
    await world.use((log) =>
      append(log, 'numbers', [
        { ...record(Buffer.from('1')), key: Buffer.from('k') },
        { ...record(Buffer.from('2')), key: Buffer.from('k') },
      ]),
    )
    const finals = topic('out', { key: windowed(string()), value: json<number>() })
    const sink = topic('out', { key: string(), value: json<number>() })
    await world.runToEnd(job('windows', results.to(finals), behind.to(sink)))
    await world.append('dead', record(BYTES.good))
    await world.append('dead', { ...record(BYTES.good), headers: [['millrace.error', BYTES.good]] })
    await world.append('orders', record(BYTES.bad))
    await world.runToEnd(onlyGood)
    const listed = await world.list()
    expect(listed.map(({ state }) => state)).toEqual(['left', 'left', 'left', 'left', 'left', 'waiting'])
    const result = { of: 'count "in-windows"', key: '"k"', window: '{"start":1000,"end":1001}' }
    expect(listed.flatMap(({ letter }: { letter?: DeadLetter }) => letter?.result ?? [])).toEqual([result])

    const { code, stdout, stderr } = await world.run(['dead-letters', 'resend', 'dead'])
    expect([code, stdout.toString()]).toEqual([5, 'Sent 1 record to topic orders\n'])
    expect(stderr).toMatch(/RESEND_REFUSED.*5 dead letters/)
    expect(stderr).toContain('a result that time emitted (count "in-windows")')
    expect(stderr).toContain('windows.again.repartition, which belongs to the job')
    expect(stderr).toContain(': it is not a dead letter')
    expect(stderr).toContain(': it does not state in which topic')
    expect((await world.run(['dead-letters', 'resend', 'dead'])).code).toBe(0)
  })
  test('are not sent to a topic that is missing, or another one, or has too few partitions, unless they go by key', async () => {
    using world = new World()
    await world.make(['orders', 1], ['dead', 1], ['out', 1])
    await world.append('orders', { ...record(BYTES.bad), key: Buffer.from('ann') }, record(BYTES.bad))
    await world.runToEnd(onlyGood)
    const resend = async (...options: string[]) => {
      const { code, stderr } = await world.run(['dead-letters', 'resend', 'dead', ...options])
      return [code, stderr.split(':')[0]]
    }
    await world.use((log) => log.admin.deleteTopic('orders'))
    expect(await resend()).toEqual([4, 'TOPIC_MISSING'])
    await world.make(['orders', 4])
    expect(await resend()).toEqual([5, 'RESEND_REFUSED'])
    expect(await resend('--dry-run')).toEqual([5, 'RESEND_REFUSED'])
    expect(await world.tail('orders')).toEqual([])
    await world.succeed(['dead-letters', 'resend', 'dead', '--by-key'])
    const placed = (await world.records('orders')) as { key: string; partition: number }[]
    expect(placed.map(({ key, partition }) => [key, partition])).toEqual([
      [null, 0],
      ['ann', partitionOf(Buffer.from('ann'), 0, 3, 4)],
    ])

    const letter = { error: 'CALLBACK_FAILED', message: '', input: { topic: 'orders', partition: 7, offset: 0 } }
    await world.append('dead', { ...record(BYTES.bad), headers: deadLetterHeaders(letter) })
    expect(await resend()).toEqual([4, 'PARTITION_MISSING'])
    await world.succeed(['dead-letters', 'resend', 'dead', '--by-key'])
    expect(await world.tail('orders')).toHaveLength(3)
  })

  test('are considered from the start if their topic is deleted and created again', async () => {
    using world = new World()
    await world.make(['orders', 1], ['dead', 1], ['out', 1])
    await world.append('orders', record(BYTES.bad))
    await world.runToEnd(onlyGood)
    await world.succeed(['dead-letters', 'resend', 'dead'])
    await world.use((log) => log.admin.deleteTopic('dead'))
    await world.make(['dead', 1])
    await world.runToEnd(onlyGood)
    expect((await world.list()).map(({ state }) => state)).toEqual(['waiting'])
  })

  test('are sent by one command at a time', async () => {
    using world = new World()
    await world.make(['dead', 1])
    await world.use(async (log) => {
      const claim = await log.claim('dead.resend')
      const { code, stderr } = await world.run(['dead-letters', 'resend', 'dead'])
      expect([code, stderr]).toEqual([5, expect.stringContaining('JOB_RUNNING')])
      await claim.release()
    })
  })

  test('that cannot be sent are named up to a limit, and counted', async () => {
    using world = new World()
    await world.make(['dead', 1])
    await world.append('dead', ...Array.from({ length: 13 }, () => record(BYTES.good)))
    const { stderr } = await world.run(['dead-letters', 'resend', 'dead', '--dry-run'])
    expect(stderr.match(/it is not a dead letter/g)).toHaveLength(10)
    expect(stderr).toContain('13 dead letters of topic dead cannot be sent again')
    expect(stderr).toContain('and 3 more')
  })
})
