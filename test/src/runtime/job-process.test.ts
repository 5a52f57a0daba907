import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { memoryLog } from '@millrace/connectors/memory'
import { int32, job, stream, string, topic } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { type ProcessOptions, startProcess } from '@millrace/runtime'
import { expect, onTestFinished, test } from 'vitest'

const numbers = topic('numbers', { key: string(), value: int32() })
const sums = stream(numbers)
  .groupByKey()
  .reduce('sums', (a, b) => a + b)

async function optionsOf(more: Partial<ProcessOptions> = {}): Promise<ProcessOptions> {
  const directory = mkdtempSync(`${tmpdir()}/millrace-process-`)
  const env = nodeEnv()
  const log = memoryLog(env)
  onTestFinished(async () => {
    await log.close()
    rmSync(directory, { recursive: true })
  })
  await log.admin.createTopic('numbers')
  return { job: job('j', sums), log, env, stateDirectory: directory, server: { token: null }, ...more }
}

test('a process answers, is announced while it runs, and frees its port when it stops', async () => {
  const announced: string[] = []
  const process = await startProcess(
    await optionsOf({
      announce: (url) => {
        announced.push(url)
        return {
          withdraw: () => {
            announced.pop()
          },
        }
      },
    }),
  )
  expect(announced).toEqual([process.url])
  const views: unknown = await (await fetch(`${process.url}/views`)).json()
  expect(views).toMatchObject({ job: 'j', views: [{ name: 'sums', parts: [0] }] })
  await process.stop()
  await process.done
  expect(announced).toEqual([])
  await expect(fetch(`${process.url}/views`)).rejects.toThrow()
})

test('a process that cannot be announced is stopped, and leaves the job to the next', async () => {
  let url = ''
  const options = await optionsOf()
  const announce = (at: string) => {
    url = at
    throw new Error('no room')
  }
  await expect(startProcess({ ...options, announce })).rejects.toThrow('no room')
  await expect(fetch(url)).rejects.toThrow()
  const next = await startProcess(options)
  await next.stop()
})

test('a port in use stops the start before the job has any topics', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void taken.close())
  await new Promise((resolve) => taken.once('listening', resolve))
  const address = taken.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const options = await optionsOf()
  await expect(startProcess({ ...options, server: { token: null, port } })).rejects.toMatchObject({
    code: 'PORT_IN_USE',
  })
  expect((await options.log.admin.listTopics()).map(({ name }) => name)).toEqual(['numbers'])
})
