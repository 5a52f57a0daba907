import { type FileSystem, MillraceError, type TopicDescription } from '@millrace/core'
import { readIfThere } from '../if-there.ts'
import { readTail, type Tail } from '../partition/tail.ts'
import { partitionDirectory } from '../paths.ts'
import { readDescription } from '../topic-store.ts'
import { checkTopic, commitsIn, differenceIn, readCommitRecords } from '../transactions/check-parts.ts'
import type { LogProblem } from './problem.ts'

/** A journal may be written during both reads of its slots, and topics may come and go: only a problem that stays counts. */
const COMMIT_LOOKS = 5

/**
 * Compares the topics and partitions with what the journals record of committed transactions. They differ if some files of the
 * data directory were copied or restored at another moment than the rest. It changes nothing.
 */
export function verifyCommits(files: FileSystem, data: string): LogProblem[] {
  let problems = lookOnce(files, data)
  for (let looks = 1; looks < COMMIT_LOOKS && problems.length > 0; looks++) {
    const again = lookOnce(files, data)
    problems = problems.filter(({ file }) => again.some((each) => each.file === file))
  }
  return problems
}

/**
 * The tails are read before the journals, and those that differ again after them: others may commit meanwhile (`checkParts`).
 */
function lookOnce(files: FileSystem, data: string): LogProblem[] {
  const problems: LogProblem[] = []
  noting(problems, data, () => {
    const names = new Set(commitsIn(readCommitRecords(files, data)).map(({ topic }) => topic))
    const topics = Array.from(names, (name) => [name, described(files, data, name)] as const)
    const before = new Map(topics.flatMap(([, topic]) => tailsOf(files, data, topic)))
    const records = readCommitRecords(files, data)
    for (const [name, topic] of topics) {
      // Damaged settings are reported separately.
      if (topic === 'damaged') continue
      noting(problems, `${data}/topics/${name}`, () => checkTopic(files, data, records, name, topic))
      for (let partition = 0; partition < (topic?.partitions ?? 0); partition++) {
        const directory = partitionDirectory(data, name, partition)
        const tail = before.get(directory)
        const difference = (after: Tail) => tail && differenceIn(tail, after, records, topic?.id, partition)
        if (tail === undefined || difference(tail) === undefined) continue
        const after = tailIn(files, directory)
        const what = after && difference(after)
        if (what !== undefined) problems.push(problemIn(directory, what))
      }
    }
  })
  return problems
}

function tailsOf(files: FileSystem, data: string, topic: TopicDescription | 'damaged' | undefined): [string, Tail][] {
  if (topic === undefined || topic === 'damaged') return []
  return Array.from({ length: topic.partitions }, (_, partition) => {
    return partitionDirectory(data, topic.name, partition)
  }).flatMap((directory): [string, Tail][] => {
    const tail = tailIn(files, directory)
    return tail === undefined ? [] : [[directory, tail]]
  })
}

function tailIn(files: FileSystem, directory: string): Tail | undefined {
  return readIfThere(files, `${directory}/tail`, readTail)
}

function described(files: FileSystem, data: string, name: string): TopicDescription | 'damaged' | undefined {
  try {
    return readDescription(files, data, name)
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    return 'damaged'
  }
}

/** Runs a check, and turns its refusal into a problem. */
function noting(problems: LogProblem[], file: string, check: () => void): void {
  try {
    check()
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    problems.push(problemIn(error.place.file ?? file, error.message))
  }
}

function problemIn(file: string, what: string): LogProblem {
  return { severity: 'damage', file, position: 0, end: 0, what }
}
