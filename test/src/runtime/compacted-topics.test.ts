import { mkdirSync, rmdirSync, rmSync } from 'node:fs'
import { job, json, stream, string, topic } from '@millrace/core'
import { write } from '@millrace/core/conformance'
import { filter, firstValueFrom } from 'rxjs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { JobWorld, type TestRecord } from './job-world.ts'

const rows = topic('rows', { key: string(), value: json<string>() })
const theJob = job('copy', stream(rows).toTable('table'))

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
})

afterEach(() => world.close())

/** Appends to the table's topic, one segment for each call. */
async function produce(records: Record<string, string | null>): Promise<void> {
  const list: TestRecord<string>[] = Object.entries({ ...records, filler: 'x'.repeat(1500) }).map(([key, value]) => {
    return { key, value, timestamp: 978_307_200_000 }
  })
  await world.produce('rows', rows.value, list)
}

/** Compacts all but the newest segment, some hours later. */
async function cleanAfter(hours: number): Promise<void> {
  world.passHours(hours)
  await produce({})
  await produce({})
  await world.log.admin.clean('rows')
}

describe('a job that reads a compacted topic into a table', () => {
  beforeEach(async () => {
    await world.topic('rows', { cleanup: 'compact', segmentBytes: 1024 })
    await produce({ kept: 'v', deleted: 'v' })
    await world.runToEnd(theJob)
    await produce({ deleted: null })
    await cleanAfter(0)
  })

  const tableOf = async () => {
    const table = await world.rows(theJob, 'table')
    table.delete('filler')
    return table
  }

  test('reads deletions of any event time after it was stopped for 23 hours', async () => {
    await cleanAfter(23)
    await world.runToEnd(theJob)
    expect(await tableOf()).toEqual(new Map([['kept', 'v']]))
  })

  test('stops after it was stopped for 25 hours, rather than keep a row whose deletion is gone, and can be rebuilt', async () => {
    await cleanAfter(25)
    await expect(world.runToEnd(theJob)).rejects.toMatchObject({
      code: 'TOMBSTONES_GONE',
      message: expect.stringMatching(/rows\/0\. .*from scratch with "millrace reset <job>"/),
      place: { topic: 'rows', partition: 0 },
    })
    await world.log.admin.deleteTopic('copy.changelog')
    rmSync(world.stateDirectory, { recursive: true })
    await world.runToEnd(theJob)
    expect(await tableOf()).toEqual(new Map([['kept', 'v']]))
  })

  test('continues after years if it had read the deletion', async () => {
    await world.runToEnd(theJob)
    await cleanAfter(20_000)
    await world.runToEnd(theJob)
    expect(await tableOf()).toEqual(new Map([['kept', 'v']]))
  })
})

describe('the changelog', () => {
  test('lacks a deletion that local state has not seen: the state is rebuilt', async () => {
    await world.topic('rows')
    await world.topic('copy.changelog', { cleanup: 'compact', segmentBytes: 1024 })
    // The store ends with a group that compaction leaves as it is.
    for (const key of ['k', 'last']) {
      await world.produce('rows', rows.value, [{ key, value: 'v', timestamp: 1 }])
      await world.runToEnd(theJob)
    }
    // As another container leaves it: the row's deletion is compacted away, and the checkpoint after it is in the active segment.
    const writer = world.log.openWriter()
    const changelog = await writer.openPartition('copy.changelog', 0)
    write(changelog, 'table\0k', null)
    await writer.flush()
    for (const hours of [0, 25]) {
      world.passHours(hours)
      for (let index = 0; index < 2; index++) {
        write(changelog, 'other\0k', 'x'.repeat(1500))
        await writer.flush()
      }
      await world.log.admin.clean('copy.changelog')
    }
    await writer.close()
    const notices: string[] = []
    await world.runToEnd(theJob, { onNotice: (notice) => notices.push(notice) })
    expect(notices.join('\n')).toMatch(/rebuilt its local state: compaction removed deletions from copy\.changelog\/0/)
    expect(await world.rows(theJob, 'table')).toEqual(new Map([['last', 'v']]))
  })

  test('that cannot be compacted is in the status and in one notice, until it can', async () => {
    await world.topic('rows')
    await world.topic('copy.changelog', { cleanup: 'compact', segmentBytes: 1024 })
    const blocked = `${world.directory}/topics/copy.changelog/0/cleaner`
    mkdirSync(blocked)
    const notices: string[] = []
    const container = await world.start(theJob, { onNotice: (notice) => notices.push(notice) })
    const problemsAre = (count: number) =>
      firstValueFrom(container.status.pipe(filter(({ problems }) => problems.length === count)))
    const commitSegment = async (value: string) => {
      await world.produce('rows', rows.value, [{ key: 'k', value: value.repeat(1500), timestamp: 1 }])
    }
    await commitSegment('a')
    const { problems } = await problemsAre(1)
    expect(problems).toEqual([
      {
        code: 'CLEANING_FAILED',
        message: expect.stringMatching(/^Partition copy\.changelog\/0 cannot be cleaned, and grows: /),
      },
    ])
    await commitSegment('b')
    await commitSegment('c')
    expect(notices).toEqual([problems[0]?.message])
    rmdirSync(blocked)
    const cleaned = problemsAre(0)
    await commitSegment('d')
    await cleaned
    await container.stop()
    expect(notices).toEqual([problems[0]?.message])
  })
})
