import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Assignment, Log, Membership } from '@millrace/core'
import { readAll } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { filter, firstValueFrom, ReplaySubject } from 'rxjs'
import { expect, onTestFinished, test } from 'vitest'
import { openFileLog } from '../file-log.ts'
import { PausableTimers } from '../testing/pausable-timers.ts'
import { GroupFiles } from './group-files.ts'

const PROGRAM = fileURLToPath(new URL('../testing/member-process.ts', import.meta.url))
const TASKS = ['0', '1']
const SESSION_TIMEOUT_MS = 600
/** How many places are tried of each phase. MILLRACE_STOPS sets another number; the phases have 56 places together. */
const STOPS = Number(process.env['MILLRACE_STOPS'] ?? 2)
const TIMEOUT_MS = 300_000

/** What a process does when it is stopped, and about how many changes to files it makes for that. */
const PHASES = { join: 13, work: 6, fence: 27, leave: 10 } as const

type Phase = keyof typeof PHASES

/** Spread over the phase, and other ones in each run. */
function placesOf(phase: Phase): number[] {
  const count = Math.min(STOPS, PHASES[phase])
  const width = PHASES[phase] / count
  return Array.from({ length: count }, (_, index) => 1 + Math.floor(index * width + Math.random() * width))
}

/** A process that is a member of a group. */
class MemberProcess {
  readonly #child: ChildProcess
  readonly #lines = new ReplaySubject<string>()
  readonly ended: Promise<void>

  constructor(directory: string, group: string, stopAt = 0) {
    const args = [directory, group, group, String(TASKS.length), String(SESSION_TIMEOUT_MS), String(stopAt)]
    this.#child = spawn(process.execPath, ['--conditions=millrace-source', PROGRAM, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    this.ended = new Promise((resolve) => this.#child.once('exit', () => resolve()))
    if (this.#child.stdout === null) throw new Error('It has no output')
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#lines.next(line))
    onTestFinished(async () => {
      this.#child.kill('SIGKILL')
      await this.ended
    })
  }

  output(line: RegExp): Promise<string> {
    return firstValueFrom(this.#lines.pipe(filter((each) => line.test(each))))
  }

  /** Its first member. */
  async member(): Promise<string> {
    return (await this.output(/^member /)).slice('member '.length)
  }

  request(what: string): void {
    this.#child.stdin?.write(`${what}\n`)
  }

  signal(signal: 'SIGCONT' | 'SIGKILL'): void {
    this.#child.kill(signal)
  }
}

/** A member of this process, which releases what it has to. */
async function joinHere(log: Log, group: string): Promise<Membership> {
  const membership = await log.join(group, {
    tasks: TASKS,
    description: 'this job',
    address: null,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
  })
  membership.assignments.subscribe({
    next: (assignment) => void membership.release(assignment).catch(() => undefined),
    error: () => undefined,
  })
  return membership
}

const assigned = (member: Membership, fits: (assignment: Assignment) => boolean) =>
  firstValueFrom(member.assignments.pipe(filter(fits)))

/**
 * Starts a process and stops it before the n-th change of a phase; undefined if the phase has fewer. The timers are those of
 * the test's own member, which must not be the first to notice a dead one.
 */
async function stopIn(
  phase: Phase,
  n: number,
  { directory, group, timers }: { readonly directory: string; readonly group: string; readonly timers: PausableTimers },
): Promise<MemberProcess | undefined> {
  const stopped = new MemberProcess(directory, group, phase === 'join' ? n : 0)
  const stopping = stopped.output(/^stopping/)
  let over: Promise<unknown> = stopped.ended
  let resume = () => {}
  if (phase === 'join') {
    over = stopped.member()
  } else if (phase === 'fence') {
    const dying = new MemberProcess(directory, group)
    const [member] = await Promise.all([dying.member(), stopped.member()])
    resume = timers.pause()
    stopped.request(`stop ${n} shared`)
    dying.signal('SIGKILL')
    over = untilRemoved(member, directory, group)
  } else {
    await stopped.member()
    stopped.request(`stop ${n}`)
    if (phase === 'leave') stopped.request('leave')
  }
  const place = await Promise.race([stopping, over.then(() => undefined)])
  resume()
  console.log(`${phase} ${n}: ${place ?? 'it was over before'}`)
  return place === undefined ? undefined : stopped
}

async function untilRemoved(member: string, directory: string, group: string): Promise<void> {
  const files = new GroupFiles(nodeEnv(), directory, group)
  while (files.read().state?.members[member] !== undefined) await setTimeout(5)
}

/** The member that wrote each record of the group, by partition. */
async function writersIn(log: Log, group: string): Promise<(string | null)[][]> {
  const reader = log.openReader()
  const writers: (string | null)[][] = []
  for (const task of TASKS) writers.push(readAll(await reader.assign(group, Number(task), 0)).map(({ key }) => key))
  await reader.close()
  return writers
}

test.each(Object.keys(PHASES) as Phase[])(
  'a process that is stopped in its phase "%s" blocks no change of its group',
  {
    timeout: TIMEOUT_MS,
  },
  async (phase) => {
    const directory = mkdtempSync(`${tmpdir()}/millrace-stopped-`)
    const timers = new PausableTimers(nodeEnv().timers)
    const log = await openFileLog({ directory, env: { ...nodeEnv(), timers }, durability: 'os' })
    onTestFinished(async () => {
      await log.close()
      rmSync(directory, { recursive: true })
    })
    for (const n of placesOf(phase)) {
      const group = `${phase}-${n}`
      await log.admin.createTopic(group, { partitions: TASKS.length })
      const here = await joinHere(log, group)
      const stopped = await stopIn(phase, n, { directory, group, timers })
      if (stopped === undefined) {
        await here.leave()
        continue
      }
      // Another member joins, and leaves: both need changes of the group, and tasks that the stopped one may have.
      const second = await joinHere(log, group)
      await Promise.all([here, second].map((each) => assigned(each, ({ tasks }) => tasks.length === 1)))
      await second.leave()
      const { members } = await assigned(here, ({ tasks }) => tasks.length === TASKS.length)
      expect(members.map(({ member }) => member)).toEqual([here.member])
      const before = await writersIn(log, group)
      stopped.signal('SIGCONT')
      if (phase === 'leave') {
        await stopped.ended
      } else {
        // It finds out that the group continued without it, and joins again, or for the first time.
        await assigned(here, ({ tasks }) => tasks.length === 1)
        stopped.request('leave')
        await stopped.ended
        await assigned(here, ({ tasks }) => tasks.length === TASKS.length)
      }
      const former = new Set(before.flat())
      for (const [task, writers] of (await writersIn(log, group)).entries()) {
        expect(writers.slice(before[task]?.length).filter((member) => former.has(member))).toEqual([])
      }
      await here.leave()
    }
  },
)
