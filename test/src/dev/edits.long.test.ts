import { existsSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import {
  becomes,
  dev,
  LOOK_MS,
  LOOPING_PRICE,
  onTerminal,
  price,
  produce,
  SHOP_JOB,
  shopFolder,
  TIMEOUT_MS,
  windowsJob,
} from './dev-folder.ts'

test('a job that is edited in the middle of its records counts each of them once, and what was saved applies from then on', {
  timeout: TIMEOUT_MS,
}, async () => {
  const folder = shopFolder()
  const started = dev(folder, ['--data', folder.data])
  await started.line(/Topic orders did not exist\. It was created, with 1 partition/)
  await started.line(/started shop in .* served at http/)
  let sent = 0
  let isOver = false
  const sending = (async () => {
    while (!isOver) {
      await produce(folder, 'a', ...Array.from({ length: 50 }, () => 1))
      sent += 50
    }
  })()
  await started.line(/view {2}counts +a {2}\d+/)
  folder.write('job.ts', SHOP_JOB.replace('pieces >= 100', 'pieces >= 50'))
  await started.line(/job\.ts changed\nreloaded shop in .*: 3 stores continue/)
  isOver = true
  await sending
  await produce(folder, 'a', 60)
  await started.line(/topic large-orders {2}a {2}60\n/)
  await becomes(folder.data, 'counts', 'a', sent + 1)
  await becomes(folder.data, 'sums', 'a', sent + 60)
})

test('an edited import reloads the job, an error in it does not, and the running version continues', {
  timeout: TIMEOUT_MS,
}, async () => {
  const folder = shopFolder()
  const started = dev(folder, ['--data', folder.data])
  await started.line(/Watching job\.ts and 1 file that it imports/)
  await started.line(/started shop/)
  await produce(folder, 'a', 1)
  await becomes(folder.data, 'priced', 'a', 1)
  folder.write('price.ts', price('"ten"'))
  await started.line(/JOB_FILE_BROKEN: [\s\S]*price\.ts:1:\d+ - error TS2363[\s\S]*The running version continues/)
  await produce(folder, 'a', 2)
  await becomes(folder.data, 'priced', 'a', 3)
  // Some editors write a new file, and give it the name of the old one.
  renameSync(folder.write('price.ts.new', price('10')), join(folder.path, 'price.ts'))
  await started.line(/reloaded shop in .*: 3 stores continue/)
  await produce(folder, 'a', 3)
  await becomes(folder.data, 'priced', 'a', 33)
  // An import that is missing, and is created.
  folder.write('job.ts', `import './more.ts'\n${SHOP_JOB}`)
  await started.line(/more\.ts[\s\S]*The running version continues/)
  folder.write('more.ts', 'console.log("more of the job")\n')
  await started.line(/more\.ts changed[\s\S]*reloaded shop/)
  await started.line(/more of the job/)
  started.child.kill('SIGINT')
  const { code, stderr } = await started.ended
  expect(code).toBe(0)
  expect(stderr).toMatch(/shop has stopped: 3 records committed\n$/)
})

test('a version that is saved again while it is checked is given up, and its check leaves nothing behind', {
  timeout: TIMEOUT_MS,
}, async () => {
  const folder = shopFolder()
  const temporary = folder.directory('temporary')
  const checks = () => readdirSync(temporary).filter((name) => name.startsWith('millrace-check-'))
  const started = dev(folder, ['--data', folder.data], { TMPDIR: temporary })
  await started.line(/started shop/)
  expect(checks()).toEqual([])
  folder.write('price.ts', price('2'))
  while (checks().length === 0) await setTimeout(LOOK_MS)
  folder.write('price.ts', price('3'))
  await started.line(/price\.ts changed\nprice\.ts changed\nreloaded shop/)
  expect(checks()).toEqual([])
  started.child.kill('SIGTERM')
  const { stderr } = await started.ended
  expect(stderr.match(/reloaded/g)).toHaveLength(1)
})

test('a version that would lose a store does not start without consent, and says how to give it', {
  timeout: TIMEOUT_MS,
}, async () => {
  const folder = shopFolder()
  folder.write('job.ts', windowsJob('1h'))
  const started = dev(folder, ['--data', folder.data])
  await started.line(/started windows/)
  await produce(folder, 'a', 1)
  await started.line(/view {2}sized +a 1970-01-01T00:00 {2}1/)
  folder.write('job.ts', windowsJob('2h'))
  await started.line(
    /STORE_CHANGED: [\s\S]*window size 1h, now 2h[\s\S]*--accept-loss[\s\S]*The running version continues/,
  )
  await produce(folder, 'a', 1)
  await becomes(folder.data, 'counts', 'a', 2)
  started.child.kill('SIGTERM')
  await started.ended
  const accepting = dev(folder, ['--accept-loss', 'sized', '--data', folder.data])
  await accepting.line(/started windows/)
  await produce(folder, 'a', 1)
  await becomes(folder.data, 'counts', 'a', 3)
  await accepting.line(/view {2}sized +a 1970-01-01T00:00 {2}1/)
  accepting.child.kill('SIGTERM')
  await accepting.ended
  folder.write('job.ts', windowsJob('3h'))
  const resetting = dev(folder, ['--reset', '--data', folder.data])
  await resetting.line(/view {2}sized +a 1970-01-01T00:00 {2}3/)
  await resetting.line(/view {2}counts +a {2}3/)
})

test('a person is asked on the terminal what becomes of a store, and Ctrl-C works there', {
  timeout: TIMEOUT_MS,
  skip: !existsSync('/usr/bin/script'),
}, async () => {
  const folder = shopFolder()
  folder.write('job.ts', windowsJob('1h'))
  const first = dev(folder, ['--data', folder.data])
  await first.line(/started windows/)
  await produce(folder, 'a', 1)
  await first.line(/view {2}sized/)
  first.child.kill('SIGTERM')
  await first.ended
  folder.write('job.ts', windowsJob('2h'))
  const terminal = onTerminal(folder, ['--data', folder.data])
  await terminal.shows(/sized +would start empty: what it holds is lost[\s\S]*start nothing until[\s\S]*a, r or k\? /)
  terminal.type('k\n')
  folder.write('job.ts', windowsJob('3h'))
  await terminal.shows(/1h, now 3h[\s\S]*a, r or k\? $/)
  terminal.type('a\n')
  await terminal.shows(/started windows/)
  await produce(folder, 'a', 1)
  await becomes(folder.data, 'counts', 'a', 2)
  folder.write('job.ts', windowsJob('4h'))
  await terminal.shows(/3h, now 4h[\s\S]*keep the running version[\s\S]*a, r or k\? $/)
  terminal.type('r\n')
  await terminal.shows(
    /reloaded windows in .*: everything is computed again[\s\S]*view {2}sized +a 1970-01-01T00:00 {2}2/,
  )
  folder.write('job.ts', windowsJob('5h'))
  await terminal.shows(/4h, now 5h[\s\S]*a, r or k\? $/)
  terminal.type('\u0003')
  await terminal.shows(/windows has stopped: \d+ records? committed/)
})

test('a job that cannot start, or whose process ends, is reported, and the next change starts it', {
  timeout: TIMEOUT_MS,
}, async () => {
  const folder = shopFolder()
  folder.write('price.ts', price('"ten"'))
  const started = dev(folder, ['--data', folder.data])
  await started.line(/JOB_FILE_BROKEN: [\s\S]*Nothing runs now\. The next change of a file starts the job/)
  const ending = '  if (pieces === 13) process.exit(7)\n  return pieces\n'
  folder.write('price.ts', `export function price(pieces: number): number {\n${ending}}\n`)
  await started.line(/price\.ts changed\n[\s\S]*started shop/)
  await produce(folder, 'a', 1, 13)
  await started.line(/CONTAINER_ENDED: The process of the job ended with exit code 7, [\s\S]*Nothing runs now/)
  folder.write('price.ts', price('1'))
  await started.line(/price\.ts changed\nreloaded shop/)
  await becomes(folder.data, 'priced', 'a', 14)
})

test('a version that loops without an end is killed when a change replaces it, and no record is lost', {
  timeout: TIMEOUT_MS,
}, async () => {
  const folder = shopFolder()
  const started = dev(folder, ['--data', folder.data])
  await started.line(/started shop/)
  await produce(folder, 'a', 1)
  await becomes(folder.data, 'priced', 'a', 1)
  folder.write('price.ts', LOOPING_PRICE)
  await started.line(/reloaded shop/)
  await produce(folder, 'a', 2)
  folder.write('price.ts', price('10'))
  await started.line(/The former version did not end in time, and was killed[\s\S]*reloaded shop/)
  await becomes(folder.data, 'priced', 'a', 21)
  await becomes(folder.data, 'sums', 'a', 3)
})
