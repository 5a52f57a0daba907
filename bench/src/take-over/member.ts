import { openFileLog } from '@millrace/connectors/file'
import { nodeEnv } from '@millrace/core/node'
import { runJob } from '@millrace/runtime'
import { keptJob } from './kept-job.ts'

/** What a member reports, one message each. Times are ms since the epoch. */
export type MemberReport =
  /** It runs, and may have no task. */
  | { readonly kind: 'started' }
  /** It has a standby that has caught up. */
  | { readonly kind: 'ready' }
  /** It has the task: its view answers, and a restore has read so many records. */
  | { readonly kind: 'has task'; readonly atMs: number; readonly restored: number }

/** How often the process looks whether it has the task. */
const LOOK_MS = 2

/* A process of the job, until it is killed: member.ts <data directory> <standbys> */
const [data = '', standbys = '0'] = process.argv.slice(2)
const log = await openFileLog({ directory: data, env: nodeEnv() })
const running = await runJob(keptJob, { log, stateDirectory: `${data}/state`, standbys: Number(standbys) })
const send = (report: MemberReport) => process.send?.(report)
send({ kind: 'started' })
let restored = 0
let isReady = false
running.status.subscribe((status) => {
  restored = status.tasks[0]?.counts.restored ?? 0
  if (isReady || status.standbys?.every(({ phase }) => phase === 'ready') !== true) return
  isReady = true
  send({ kind: 'ready' })
})
const look = setInterval(() => {
  const [part] = running.views[0]?.parts ?? []
  if (part === undefined) return
  clearInterval(look)
  const atMs = performance.timeOrigin + performance.now()
  // The next status has what the restore has read.
  void running.caughtUp().then(() => send({ kind: 'has task', atMs, restored }))
}, LOOK_MS)
