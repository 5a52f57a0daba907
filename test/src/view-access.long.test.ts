import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SUMMING_JOB, UserFolder } from './command/job-files.ts'
import { run, start, succeed } from './flights/command.ts'

const TIMEOUT_MS = 60_000
const OTHER_USER = 65_534

/** Connects to a socket as another user of the machine, and returns the result. */
function connectAs(uid: number, socket: string): string {
  const script = `require('node:net').connect(${JSON.stringify(socket)}).on('connect', () => { console.log('connected'); process.exit() }).on('error', (error) => console.log(error.code))`
  return spawnSync(process.execPath, ['--eval', script], { uid, gid: uid, cwd: '/', encoding: 'utf8' }).stdout.trim()
}

async function startSumming(folder: UserFolder) {
  const data = ['--data', folder.data]
  await succeed(['topics', 'create', 'numbers', ...data])
  await succeed(['topics', 'produce', 'numbers', '--records', ...data], {
    stdin: '{"key":"k","valueBase64":"AAAAAQ=="}\n',
  })
  const job = start(['run', '--no-check', folder.write('job.ts', SUMMING_JOB), ...data])
  const [, url = ''] = await job.line(/served at (http:\S+)/)
  return { job, url, jobs: join(folder.data, 'jobs') }
}

const modeOf = (path: string) => statSync(path).mode & 0o777

test('views are read on a socket of the owner, and on the port with the token only', {
  timeout: TIMEOUT_MS,
}, async () => {
  using folder = new UserFolder()
  const { job, url, jobs } = await startSumming(folder)
  const socket = join(jobs, `@${job.child.pid}.sock`)
  expect([statSync(socket).isSocket(), modeOf(socket), modeOf(jobs), modeOf(folder.data)]).toEqual([
    true,
    0o600,
    0o700,
    0o700,
  ])
  expect(await succeed(['query', 'sums', 'k', '--json', '--after', 'numbers/0=1', '--data', folder.data])).toBe(
    '{"key":"k","value":1}\n',
  )
  const refused = await fetch(`${url}/views/sums/value?key=k`)
  expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
  expect(await refused.json()).toMatchObject({ code: 'TOKEN_REFUSED' })
  expect(modeOf(join(folder.data, 'token'))).toBe(0o600)
  const token = readFileSync(join(folder.data, 'token'), 'utf8').trim()
  for (const [shown, status] of [
    [`Bearer ${token}`, 200],
    [`Bearer ${token}x`, 401],
    [token, 401],
    [`Basic ${token}`, 401],
  ] as const) {
    expect((await fetch(`${url}/views`, { headers: { authorization: shown } })).status).toBe(status)
  }
  const otherDirectory = join(folder.data, 'elsewhere')
  const answer = await run(['query', 'sums', '--url', url, '--data', otherDirectory])
  expect([answer.code, answer.stderr]).toEqual([1, expect.stringContaining('TOKEN_REFUSED')])
  expect(
    await succeed(['query', 'sums', '--json', '--url', url, '--data', otherDirectory], {
      env: { MILLRACE_TOKEN: token },
    }),
  ).toBe('{"key":"k","value":1}\n')
  expect(await succeed(['query', 'sums', '--json', '--url', url, '--data', folder.data])).toBe(
    '{"key":"k","value":1}\n',
  )
  job.child.kill('SIGTERM')
  await job.ended
  expect(readdirSync(jobs)).toEqual(['summing'])
})

test('another user of the machine cannot connect to the socket, whatever the directories allow', {
  timeout: TIMEOUT_MS,
}, async (context) => {
  if (process.getuid?.() !== 0) return context.skip('only root can become another user')
  using folder = new UserFolder()
  const { job, jobs } = await startSumming(folder)
  // As if the permissions were widened by mistake, or the directories were made by hand.
  for (const path of [folder.path, folder.data, jobs]) chmodSync(path, 0o777)
  expect(connectAs(OTHER_USER, join(jobs, `@${job.child.pid}.sock`))).toBe('EACCES')
  expect(connectAs(0, join(jobs, `@${job.child.pid}.sock`))).toBe('connected')
  job.child.kill('SIGTERM')
  await job.ended
})

test('a data directory whose path is too long for a socket is served on one all the same', {
  timeout: TIMEOUT_MS,
}, async () => {
  using folder = new UserFolder()
  const data = join(folder.data, 'd'.repeat(90))
  await succeed(['topics', 'create', 'numbers', '--data', data])
  const job = start(['run', '--no-check', folder.write('job.ts', SUMMING_JOB), '--data', data])
  await job.line(/served at/)
  expect((await run(['query', 'sums', '--data', data])).stderr).toBe('No entries\n')
  job.child.kill('SIGTERM')
  expect((await job.ended).code).toBe(0)
})

test('a data directory that is open to others is closed with a message', { timeout: TIMEOUT_MS }, async () => {
  using folder = new UserFolder()
  mkdirSync(folder.data, { recursive: true })
  await succeed(['topics', 'create', 'numbers', '--data', folder.data])
  chmodSync(folder.data, 0o777)
  const { code, stderr } = await run(['topics', 'list', '--data', folder.data])
  expect([code, stderr, modeOf(folder.data)]).toEqual([0, expect.stringContaining('(mode 0777)'), 0o700])
  expect(existsSync(join(folder.data, 'jobs'))).toBe(false)
})

test('a web page may read only if its origin is allowed', { timeout: TIMEOUT_MS }, async () => {
  using folder = new UserFolder()
  const refused = await run([
    'run',
    folder.write('job.ts', SUMMING_JOB),
    '--allow-origin',
    'https://a.example/path',
    '--data',
    folder.data,
  ])
  expect(refused.stderr).toContain('is not the origin of a web page')
})

test.skipIf(process.platform === 'win32')(
  'compiled code is kept where other users cannot put any',
  { timeout: TIMEOUT_MS },
  async () => {
    using folder = new UserFolder()
    const [home, temporary] = [folder.directory('home'), folder.directory('tmp')]
    const env = { HOME: home, TMPDIR: temporary, NODE_COMPILE_CACHE: '' }
    await succeed(['--version'], { env })
    expect(readdirSync(join(home, '.cache/millrace')).length).toBeGreaterThan(0)
    expect(readdirSync(temporary)).toEqual([])
    // A home that does not exist is not created.
    const missing = join(folder.path, 'nowhere')
    await succeed(['--version'], { env: { ...env, HOME: missing } })
    expect(existsSync(missing)).toBe(false)
  },
)
