import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { UserFolder } from './command/job-files.ts'
import { run, succeed } from './flights/command.ts'

test('a full disk ends an import with a message that states it, and what was there stays readable', {
  timeout: 60_000,
}, async (context) => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    if (process.env['CI'] === 'true') throw new Error('this needs root on Linux, which CI has')
    context.skip('needs root on Linux, to mount a small disk')
  }
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
