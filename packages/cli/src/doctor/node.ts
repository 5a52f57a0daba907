import { type JobReport, MillraceError } from '@millrace/core'
import { diskWarning } from '../node/disk-warning.ts'
import { runningNode } from '../node/find-node.ts'
import { announcedNode, type NodeAnnouncement } from '../node/node-files.ts'
import { counted } from '../terminal/amounts.ts'
import { type Finding, ok, problem, warning } from './finding.ts'
import { type ProcessState, processState } from './process-state.ts'

/** What is known of the node of a data directory. */
export interface NodeFacts {
  /** Where it stated that it answers; undefined if it did not, or has withdrawn that. */
  readonly announced: NodeAnnouncement | undefined
  readonly state: ProcessState
  /** What it reports about its jobs; undefined if it does not answer. */
  readonly jobs: readonly JobReport[] | undefined
}

export async function readNode(data: string): Promise<NodeFacts> {
  const announced = announcedNode(data)
  const state = announced === undefined ? 'gone' : processState(announced.pid)
  // A stopped process accepts connections, and never answers.
  const jobs = state === 'gone' || state === 'stopped' ? undefined : await jobsOf(data)
  return { announced, state, jobs }
}

async function jobsOf(data: string): Promise<readonly JobReport[] | undefined> {
  try {
    return await (await runningNode(data))?.jobs()
  } catch (error) {
    if (error instanceof MillraceError) return undefined
    throw error
  }
}

/** Decides on the node of a data directory: whether what is deployed runs. */
export function checkNode({ announced, state, jobs }: NodeFacts): Finding[] {
  const check = 'Node'
  if (announced === undefined) return [ok(check, 'none runs')]
  const { pid, url: where } = announced
  if (jobs !== undefined) {
    return [
      ok(check, `process ${pid} has ${counted(jobs.length, 'job')}, and answers at ${where}`, where),
      ...jobs.map(ofJob),
    ]
  }
  if (state === 'gone') {
    const what = `process ${pid} was killed, so the jobs that are deployed on it do not run`
    return [warning({ check, what, where, advice: 'Run "millrace up" or "millrace up --detach": it starts them.' })]
  }
  if (state === 'stopped') {
    const what = `process ${pid} is stopped, so containers that fail are not started again`
    const advice = `Continue it with "kill -CONT ${pid}", or end it with "kill -9 ${pid}", and run "millrace up".`
    return [problem({ check, what, where, advice })]
  }
  const what = `process ${pid} runs, and does not answer at ${where}`
  const advice = `Another program may have its number now ("ps -p ${pid}" shows it). If not, end it, and run "millrace up".`
  return [warning({ check, what, where, advice })]
}

function ofJob(report: JobReport): Finding {
  const { job, phase, error } = report
  const check = `Deployed ${job}`
  const reason = error === null ? '' : `: ${error.code}: ${error.message}`
  if (phase === 'failed') {
    const advice = `"millrace logs ${job}" has more. Correct the cause, and run "millrace start ${job}".`
    return problem({ check, what: `it was given up${reason}`, advice })
  }
  const nearLimit = diskWarning(report)
  if (phase !== 'degraded') return nearLimit ? warning({ check, ...nearLimit }) : ok(check, `it is ${phase}`)
  return warning({ check, what: `some of its containers do not run${reason}`, advice: `See "millrace status ${job}".` })
}
