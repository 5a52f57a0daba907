import { expect, test } from 'vitest'
import { UserFolder } from './command/job-files.ts'
import { run, start, succeed } from './flights/command.ts'

const KEYS = 20
const ROUNDS = 6

/** A job that passes each record on once and sums; after the change it also counts, behind a repartition topic that is new. */
function jobFile(change: string, outputs: string): string {
  return `
import { int64, json, job, stream, string, topic } from '@millrace/core'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const passed = topic('passed', { key: string(), value: json<number>() })
const passedOn = stream(numbers).to(passed)
const sums = stream(numbers).keyBy((_, key) => key, string(), { name: 'by-key' }).groupByKey().reduce('sums', (a, b) => a + b)
${change}
export default job('rolling', passedOn, sums${outputs})
`
}

const BEFORE = jobFile('', '')
const CHANGED = jobFile("const counts = stream(numbers).groupBy((n) => n % 2, int64()).count('counts')", ', counts')

test('processes of a changed job replace those that run, one by one, and no record is lost or counted twice', {
  timeout: 120_000,
}, async () => {
  using folder = new UserFolder()
  const data = ['--data', folder.data]
  const [before, changed] = [folder.write('before.ts', BEFORE), folder.write('changed.ts', CHANGED)]
  let produced = 0
  const produce = async () => {
    const round = ++produced
    const lines = Array.from({ length: KEYS }, (_, key) => JSON.stringify({ key: `key ${key}`, value: round }))
    await succeed(['topics', 'produce', 'numbers', '--records', ...data], { stdin: `${lines.join('\n')}\n` })
  }
  const rows = async (view: string) => {
    const { stdout } = await run(['query', view, '--all', '--json', ...data])
    return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
  }
  const sumsAre = (sum: number) =>
    expect
      .poll(async () => (await rows('sums')).map(({ value }) => value), { timeout: 30_000 })
      .toEqual(Array(KEYS).fill(sum))
  const startOld = async () => {
    const process = start(['run', '--no-check', before, ...data])
    await process.line(/served at/)
    return process
  }
  const upgrade = async () => {
    const process = start(['run', '--no-check', '--upgrade', '--accept-loss', 'counts', changed, ...data])
    await process.line(/waits until/)
    return process
  }
  for (const name of ['numbers', 'passed']) await succeed(['topics', 'create', name, '--partitions', '3', ...data])

  const old = [await startOld(), await startOld()]
  await produce()
  await sumsAre(1)
  const refused = await run(['run', '--no-check', '--accept-loss', 'counts', changed, ...data])
  expect(refused.stderr).toMatch(/JOB_CHANGED.*start this job as an upgrade/)
  const behind = await run(['run', '--no-check', '--upgrade', changed, ...data])
  expect(behind).toMatchObject({ code: 5, stderr: expect.stringMatching(/STORE_BEHIND/) })

  const upgraded = [await upgrade()]
  await produce()
  await sumsAre(3)
  old[0]?.child.kill('SIGTERM')
  expect((await old[0]?.ended)?.code).toBe(0)
  upgraded.push(await upgrade())
  await produce()
  await sumsAre(6)
  const givenUp = await upgrade()
  givenUp.child.kill('SIGTERM')
  expect((await givenUp.ended).code).toBe(0)

  // The last process of the former job dies in the middle of what it does.
  const more = produce()
  old[1]?.child.kill('SIGKILL')
  await more
  for (const process of upgraded) await process.line(/served at/)
  await sumsAre(10)
  upgraded[0]?.child.kill('SIGKILL')
  await produce()
  await produce()
  expect(produced).toBe(ROUNDS)
  await sumsAre((ROUNDS * (ROUNDS + 1)) / 2)

  const printed = await succeed(['topics', 'tail', 'passed', '--from', 'start', '--until-end', '--json', ...data])
  const passed = printed
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const once = Array.from({ length: ROUNDS * KEYS }, (_, n) => `key ${n % KEYS}: ${1 + Math.floor(n / KEYS)}`)
  expect(passed.map(({ key, value }) => `${key}: ${value}`).sort()).toEqual(once.sort())
  // The new step counts what came after the change: the last two rounds, and of the fourth what was not committed before.
  const counted = async () => (await rows('counts')).reduce((sum, { value }) => sum + value, 0)
  await expect.poll(counted, { timeout: 30_000 }).toBeGreaterThanOrEqual(2 * KEYS)
  expect(await counted()).toBeLessThanOrEqual(3 * KEYS)
  upgraded[1]?.child.kill('SIGTERM')
  await upgraded[1]?.ended
})
