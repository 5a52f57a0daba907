import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { UserFolder } from './command/job-files.ts'
import { run, succeed } from './flights/command.ts'

const LIMIT = ['--from', 'start', '--limit', '2', '--json']

async function valuesIn(data: string): Promise<string[]> {
  const lines = (await succeed(['topics', 'tail', 'lines', ...LIMIT, '--data', data])).trim().split('\n')
  return lines.map((line) => JSON.parse(line).valueText)
}

test('backup and restore create the same data again, and report what they did', { timeout: 60_000 }, async () => {
  using folder = new UserFolder()
  const data = folder.directory('data')
  const [backup, restored] = [`${data}-backup`, `${data}-restored`]
  await succeed(['topics', 'create', 'lines', '--data', data])
  await succeed(['topics', 'produce', 'lines', '--data', data], { stdin: 'first\nsecond\n' })
  const made = await run(['backup', backup, '--data', data])
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/holds 1 topic with 1 partition.*linked/) })
  expect(made.stderr).toMatch(/Local state is not part of it/)
  expect(await succeed(['restore', backup, '--data', restored])).toMatch(/is restored as it was at \d{4}-/)
  expect(await valuesIn(restored)).toEqual(['first', 'second'])

  rmSync(`${backup}/backup.json`)
  const incomplete = await run(['restore', backup, '--data', `${restored}-again`])
  expect(incomplete).toMatchObject({ code: 5, stderr: expect.stringContaining('BACKUP_INCOMPLETE') })
})

test('a backup to a full disk reports it, leaves nothing there, and the data as it was', {
  timeout: 60_000,
}, async (context) => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    if (process.env['CI'] === 'true') throw new Error('this needs root on Linux, which CI has')
    context.skip('needs root on Linux, to mount a small disk')
  }
  using folder = new UserFolder()
  const data = folder.directory('data')
  const disk = folder.directory('disk')
  await succeed(['topics', 'create', 'lines', '--data', data])
  const long = `${'x'.repeat(10_000)}\n`.repeat(300)
  await succeed(['topics', 'produce', 'lines', '--data', data], { stdin: `first\nsecond\n${long}` })
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=0700', 'none', disk])
  try {
    const { code, stderr } = await run(['backup', `${disk}/backup`, '--data', data])
    expect(stderr).toMatch(/LOG_FULL/)
    expect(stderr).not.toMatch(/^\s+at /m)
    expect(code).toBe(1)
    expect(existsSync(`${disk}/backup`)).toBe(false)
    await succeed(['backup', `${data}-backup`, '--data', data])
    const restoring = await run(['restore', `${data}-backup`, '--data', `${disk}/data`])
    expect(restoring).toMatchObject({ code: 1, stderr: expect.stringContaining('LOG_FULL') })
    expect(readdirSync(disk)).toEqual([])
  } finally {
    execFileSync('umount', ['-l', disk])
  }
  expect(await valuesIn(data)).toEqual(['first', 'second'])
})
