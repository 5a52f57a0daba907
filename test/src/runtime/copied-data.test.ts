import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { openFileLog } from '@millrace/connectors/file'
import { job, json, openTopicWriter, stream, string, topic } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { startContainer } from '@millrace/runtime'
import { expect, onTestFinished, test } from 'vitest'
import { recordsOf } from '../records/two-logs.ts'
import { JobWorld } from './job-world.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const out = topic('out', { key: string(), value: json<number>() })
const sums = stream(numbers)
  .groupByKey()
  .reduce('sums', (a, b) => a + b)
const theJob = job('summing', sums, sums.changes().to(out))

test('a copy that was made while nothing ran replaces data that is all gone, on another machine too', async () => {
  const world = await JobWorld.open()
  const copy = mkdtempSync(`${tmpdir()}/millrace-copy-`)
  onTestFinished(() => rmSync(copy, { recursive: true }))
  for (const name of ['numbers', 'out']) await world.topic(name)
  const records = (from: number) =>
    Array.from({ length: 10 }, (_, index) => ({ key: 'k', value: 1, timestamp: from + index }))
  await world.produce('numbers', numbers.value, records(0))
  await world.runToEnd(theJob)
  await world.log.close()
  // The copy has no local state: the job rebuilds it from the changelog.
  cpSync(world.directory, copy, { recursive: true, filter: (path) => !path.startsWith(world.stateDirectory) })
  rmSync(world.directory, { recursive: true })

  const env = nodeEnv()
  const otherMachine = { ...env, files: { ...env.files, boot: 'of another machine' } }
  const log = await openFileLog({ directory: copy, env: otherMachine, durability: 'os' })
  await (await openTopicWriter(log, numbers)).sendAll(records(10))
  const container = await startContainer({ job: theJob, log, env, stateDirectory: `${copy}/state`, untilEnd: true })
  await container.done
  expect((await recordsOf(log, out)).map(({ value }) => value)).toEqual(
    Array.from({ length: 20 }, (_, index) => index + 1),
  )
  await log.close()
})
