import { createServer } from 'node:net'
import { type AnnouncedJob, announcedJobs, announcementPath, answeringJob } from '../jobs/announced-jobs.ts'
import { counted } from '../terminal/amounts.ts'
import { type Finding, ok, problem, warning } from './finding.ts'
import { type ProcessState, processState } from './process-state.ts'

/** A job answers in a few ms, and after a slice of 5 ms when it is busy; the command itself must stay fast. */
const ANSWER_MS_MAX = 1000

/** What a process announced, and what is there now. */
export interface AnnouncementFacts extends AnnouncedJob {
  /** The path of the announcement. */
  readonly path: string
  readonly state: ProcessState
  /** The job that answers there; undefined if none does. */
  readonly answers: string | undefined
}

/** A port that a user wants to use. */
export interface PortFacts {
  readonly port: number
  /** The error of the system when it was tried; undefined if it is free. */
  readonly failure: string | undefined
}

export function readAnnouncements(data: string): Promise<AnnouncementFacts[]> {
  return Promise.all(
    announcedJobs(data).map(async (announced) => {
      const state = processState(announced.pid)
      // A stopped process accepts connections, and never answers.
      const answers = state === 'stopped' ? undefined : await answeringJob(data, announced, ANSWER_MS_MAX)
      return { ...announced, path: announcementPath(data, announced), state, answers }
    }),
  )
}

/** Tries to listen on a port of this machine, for a moment. */
export function readPort(port: number): Promise<PortFacts> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve({ port, failure: error.code ?? error.message }))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve({ port, failure: undefined })))
  })
}

/**
 * Decides on what processes announced: whether their views can be queried. `reported`: the processes that another check already
 * reports as stopped.
 */
export function checkAnnouncements(
  announcements: readonly AnnouncementFacts[],
  reported: ReadonlySet<number> = new Set(),
): Finding[] {
  const left = announcements.filter(({ job, answers, state }) => answers !== job && state === 'gone')
  const living = announcements.filter((each) => !left.includes(each))
  const findings = living.filter(({ pid, state }) => state !== 'stopped' || !reported.has(pid)).map(ofLiving)
  if (left.length > 0) {
    const jobs = [...new Set(left.map(({ job }) => job))].join(', ')
    const what = `${counted(left.length, 'file')} of processes of ${jobs} that have ended; harmless, and skipped`
    findings.push(ok('Old announcements', what, left[0]?.path))
  }
  return announcements.length > 0 ? findings : [ok('Views', 'no process serves views of this data directory')]
}

/** Decides on the port that is to be used. */
export function checkPort({ port, failure }: PortFacts, announcements: readonly AnnouncementFacts[]): Finding[] {
  const check = `Port ${port}`
  const where = `127.0.0.1:${port}`
  if (failure === undefined) return [ok(check, 'it is free', where)]
  const user = announcements.find(({ url, state }) => state !== 'gone' && portOf(url) === port)
  if (user !== undefined) {
    const what = `job ${user.job} (process ${user.pid}) of this data directory listens there`
    const advice = `Choose another port with --port, or end that process with "kill ${user.pid}".`
    return [warning({ check, what, where, advice })]
  }
  const advice =
    failure === 'EACCES'
      ? 'Only root may use ports below 1024. Choose a higher one with --port.'
      : `Choose another port with --port, or leave --port out. "lsof -i :${port}" shows the program.`
  const what = failure === 'EADDRINUSE' ? 'another program listens there' : `it cannot be used: ${failure}`
  return [problem({ check, what, where, advice })]
}

function ofLiving({ job, url, pid, state, answers }: AnnouncementFacts): Finding {
  const check = `Views of ${job}`
  if (answers === job) return ok(check, `process ${pid} answers at ${url}`, url)
  const where = url
  if (answers !== undefined) {
    const what = `${url}, which process ${pid} announced, answers for job ${answers}`
    return warning({ check, what, where, advice: 'Queries skip it. Start the job again if it should run.' })
  }
  if (state === 'stopped') {
    const advice = `Continue it with "kill -CONT ${pid}", or end it with "kill -9 ${pid}": nothing that it committed is lost.`
    return warning({ check, what: `process ${pid} is stopped, so it does not answer at ${url}`, where, advice })
  }
  const what = `process ${pid} runs, and does not answer at ${url} within ${ANSWER_MS_MAX} ms`
  const advice =
    `Either it is in a long callback of the job, or another program has its number now ("ps -p ${pid}" shows it). If it ` +
    `hangs, end it with "kill -9 ${pid}": the next process continues from its last commit.`
  return warning({ check, what, where, advice })
}

function portOf(url: string): number | undefined {
  return URL.canParse(url) ? Number(new URL(url).port) : undefined
}
