import { PassThrough, Writable } from 'node:stream'
import pc from 'picocolors'
import { expect, test, vi } from 'vitest'
import { OutputPrinter } from './output-printer.ts'

function printerTo(stdout: Writable): OutputPrinter {
  const printer = new OutputPrinter({
    stdin: new PassThrough(),
    stdout,
    stderr: new PassThrough(),
    env: {},
    colors: pc.createColors(false),
    interactive: false,
    stopSignal: () => new AbortController().signal,
  })
  printer.names = ['sums', 'large-orders']
  return printer
}

const report = (key: string, more = 0) => ({
  kind: 'output' as const,
  of: 'view' as const,
  name: 'sums',
  lines: [{ key, window: '', value: '1' }],
  more,
})

test('each line has the view or topic, the key, the window and the value, with their control characters escaped', () => {
  const stdout = new PassThrough()
  const printer = printerTo(stdout)
  printer.output({
    kind: 'output',
    of: 'topic',
    name: 'large-orders',
    lines: [
      { key: 'a\u001b[2J', window: '2026-01-01T08:00', value: '"\u202e"' },
      { key: 'b', window: '', value: null },
    ],
    more: 0,
  })
  printer.output(report('c', 12_345))
  expect(stdout.read().toString()).toBe(
    [
      'topic large-orders  a\\u001b[2J 2026-01-01T08:00  "\\u202e"',
      'topic large-orders  b  (deleted)',
      'view  sums          c  1',
      'view  sums          … and at least 12,345 more, too fast to show',
      '',
    ].join('\n'),
  )
})

test('what a slow terminal or an open question holds back is counted, and the count comes later', () => {
  const taken: (() => void)[] = []
  let text = ''
  const stdout = new Writable({
    highWaterMark: 1,
    write(chunk, _, done) {
      text += chunk
      taken.push(done)
    },
  })
  const printer = printerTo(stdout)
  printer.output(report('a'))
  for (let at = 0; at < 10; at++) printer.output(report('b', 1))
  expect(text).toBe('view  sums          a  1\n')
  taken.shift()?.()
  return vi.waitFor(() => {
    expect(stdout.writableNeedDrain).toBe(false)
    printer.held = true
    printer.output(report('c'))
    printer.held = false
    printer.output(report('d'))
    expect(text).toContain('view  sums          d  1\nview  sums          … and at least 21 more, too fast to show\n')
  })
})

test('of the lines that a job prints in a second, those beyond a limit are counted', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  try {
    const stdout = new PassThrough()
    const printer = printerTo(stdout)
    for (let at = 0; at < 1000; at++) printer.jobLine('stdout', `line ${at}`)
    const first = stdout.read().toString().trimEnd().split('\n')
    expect(first).toHaveLength(200)
    vi.advanceTimersByTime(999)
    printer.jobLine('stdout', 'too early')
    expect(stdout.read()).toBeNull()
    vi.advanceTimersByTime(1)
    printer.jobLine('stdout', 'later')
    expect(stdout.read().toString()).toBe('… and 801 more lines of the job\nlater\n')
  } finally {
    vi.useRealTimers()
  }
})
