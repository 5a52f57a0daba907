import type { JobReport } from '@millrace/core'
import type { RescalePlan, RescaleResult } from '@millrace/runtime'
import { dataArgument } from '../data-option.ts'
import { bytes, counted } from '../terminal/amounts.ts'
import { printable } from '../terminal/printable.ts'
import type { Started } from './jobs-on-node.ts'

/** The jobs that a rescale sets back, as their node reports them; undefined for those that it does not have. */
export type ReportedJobs = ReadonlyMap<string, JobReport | undefined>

/** What a rescale is going to do, for people. */
export function rescalePlanText(plan: RescalePlan, reported: ReportedJobs, repeatOutputs: boolean): string {
  const { topic, from, to, records, bytes: size, jobs, companions } = plan
  if (from === to) return `Topic ${printable(topic)} has ${counted(from, 'partition')} already\n`
  const outputs = repeatOutputs
    ? 'They append all their outputs again'
    : 'They append nothing again that is in their outputs already'
  const readers = [
    'Jobs that compute everything again, from the start of their inputs:',
    ...jobs.map((job) => `  ${printable(job)}: ${whatIsDone(reported.get(job))}`),
    outputs,
    'Their views are incomplete until they have',
  ]
  const lines = [
    `Copies at most ${counted(records, 'record')}, ${bytes(size)}, to the partitions of their keys`,
    'Nothing can be appended to it meanwhile, and programs that have it open must open it again',
    ...(jobs.length === 0 ? ['No job reads it'] : readers),
    ...companions.map((each) => companionText(each, from, to)),
  ]
  const indented = lines.map((text) => `  ${text}\n`).join('')
  return `Topic ${printable(topic)} has ${counted(from, 'partition')}, and gets ${to}\n${indented}`
}

function whatIsDone(report: JobReport | undefined): string {
  if (report === undefined) return 'not deployed on a node; it must be stopped, and have processed everything'
  const { desired } = report.deployment
  if (desired === 'running') return 'it is drained, and started again at the end'
  if (desired === 'draining') return 'a drain is under way; it must end first'
  return 'stopped; it must have processed everything'
}

function companionText({ topic, jobs }: RescalePlan['companions'][number], from: number, to: number): string {
  const names = jobs.map(printable).join(', ')
  return (
    `Topic ${printable(topic)} has ${counted(from, 'partition')} too, and ${names} ${jobs.length === 1 ? 'reads' : 'read'} it. If a job reads both topics together, it does not ` +
    `start until both have ${to}: stop what appends to them, drain the job, rescale both, and start the job`
  )
}

/** What a rescale has done, for people. */
export function rescaledText(
  { topic, partitions, records, jobs }: RescaleResult,
  started: readonly Started[],
  reported: ReportedJobs,
  data: string,
): string {
  const has = `Topic ${printable(topic)} has ${counted(partitions, 'partition')}`
  const copied = records === null ? `${has} already\n` : `${has} now, with ${counted(records, 'record')}\n`
  const lines = jobs.map((job) => {
    const name = printable(job)
    const start = started.find((each) => each.job === job)
    if (start?.problem === null) return `Job ${name} runs again, and computes everything again\n`
    if (start !== undefined || reported.get(job) === undefined)
      return `Job ${name} computes everything again when it starts\n`
    return `Job ${name} is stopped, and computes everything again when it starts: millrace start ${name}${dataArgument(data)}\n`
  })
  return copied + lines.join('')
}
