import { execFileSync } from 'node:child_process'
import { statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, type TestContext, test } from 'vitest'
import { SUMMING_JOB, UserFolder } from './command/job-files.ts'
import { run, succeed } from './flights/command.ts'

test('a full disk ends an import with a message that states it, and what was there stays readable', {
  timeout: 60_000,
}, async (context) => {
  requireMounts(context)
  using folder = new UserFolder()
  const data = folder.directory('data')
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=0700', 'none', data])
  try {
    await succeed(['topics', 'create', 'lines', '--data', data])
    await succeed(['topics', 'produce', 'lines', '--data', data], { stdin: 'first\n' })
    const stdin = `${'x'.repeat(10_000)}\n`.repeat(1000)
    const { code, stderr } = await run(['topics', 'produce', 'lines', '--data', data], { stdin })
    // A record that the log rejected is not counted.
    const output = Number(/^(?:at least )?([\d,]+) records? appended to lines/.exec(stderr)?.[1]?.replaceAll(',', ''))
    const { offsets } = JSON.parse(await succeed(['topics', 'describe', 'lines', '--json', '--data', data]))
    expect(output).toBeLessThanOrEqual(offsets - 1)
    expect(stderr).toMatch(/LOG_FULL.*(space|room)/)
    expect(stderr).not.toMatch(/^\s+at /m)
    expect(code).toBe(1)
    const first = await succeed([
      'topics',
      'tail',
      'lines',
      '--from',
      'start',
      '--limit',
      '1',
      '--json',
      '--data',
      data,
    ])
    expect(JSON.parse(first)).toMatchObject({ offset: 0, valueText: 'first' })
  } finally {
    execFileSync('umount', ['-l', data])
  }
})

test('a nearly full disk stops producers, and a job still commits what is there', {
  timeout: 120_000,
}, async (context) => {
  requireMounts(context)
  using folder = new UserFolder()
  const data = folder.directory('data')
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m,mode=0700', 'none', data])
  try {
    await succeed(['topics', 'create', 'numbers', '--data', data])
    const numbers = JOB_RECORDS.map((record) => `${JSON.stringify(record)}\n`).join('')
    await succeed(['topics', 'produce', 'numbers', '--records', '--data', data], { stdin: numbers })
    const { bavail, bsize } = statfsSync(data)
    const filler = join(data, 'filler')
    writeFileSync(filler, Buffer.alloc(bavail * bsize - 500 * 1024))
    const refused = await run(['topics', 'produce', 'numbers', '--records', '--data', data], { stdin: numbers })
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/LOG_FULL.*nearly full.*commits of jobs/s) })
    const file = folder.write('job.ts', SUMMING_JOB.replace('int32()', 'json<number>()').replace('int32', 'json'))
    await succeed(['run', '--until-end', '--no-check', file, '--data', data])
    const sums = await succeed(['query', 'sums', 'a', '--json', '--data', data])
    expect(JSON.parse(sums)).toMatchObject({ key: 'a', value: 6 })
    writeFileSync(filler, '')
    await succeed(['topics', 'produce', 'numbers', '--records', '--data', data], { stdin: numbers })
  } finally {
    execFileSync('umount', ['-l', data])
  }
})

const JOB_RECORDS = [1, 2, 3].map((value) => ({ key: 'a', value }))

function requireMounts(context: TestContext): void {
  if (process.platform === 'linux' && process.getuid?.() === 0) return
  if (process.env['CI'] === 'true') throw new Error('this needs root on Linux, which CI has')
  context.skip('needs root on Linux, to mount a small disk')
}
