import { type FileSystem, MillraceError, type TopicDescription } from '@millrace/core'
import { readIfThere } from '../if-there.ts'
import { readTail } from '../partition/tail.ts'
import { partitionDirectory } from '../paths.ts'
import { readDescription } from '../topic-store.ts'
import {
  type CommitRecords,
  checkTopic,
  commitsIn,
  differenceIn,
  readCommitRecords,
} from '../transactions/check-parts.ts'
import type { LogProblem } from './problem.ts'

/** Commits may be made between the reads of a partition and of the journals: only a difference that stays counts. */
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

function lookOnce(files: FileSystem, data: string): LogProblem[] {
  const problems: LogProblem[] = []
  const note = (file: string, what: string) => {
    problems.push({ severity: 'damage', file, position: 0, end: 0, what })
  }
  const noting = (file: string, check: () => void) => {
    try {
      check()
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      note(error.place.file ?? file, error.message)
    }
  }
  noting(data, () => {
    const names = new Set(commitsIn(readCommitRecords(files, data)).map(({ topic }) => topic))
    for (const name of names) {
      const topic = described(files, data, name)
      // Damaged settings are reported separately.
      if (topic === 'damaged') continue
      noting(`${data}/topics/${name}`, () => {
        const before = readCommitRecords(files, data)
        checkTopic(files, data, before, name, topic)
        for (let partition = 0; partition < (topic?.partitions ?? 0); partition++) {
          const what = topic && differenceOf(files, data, topic, partition)
          if (what !== undefined) note(partitionDirectory(data, name, partition), what)
        }
      })
    }
  })
  return problems
}

function differenceOf(
  files: FileSystem,
  data: string,
  { name, id }: TopicDescription,
  partition: number,
): string | undefined {
  const tailNow = () => readIfThere(files, `${partitionDirectory(data, name, partition)}/tail`, readTail)
  const before = tailNow()
  const records: CommitRecords = readCommitRecords(files, data)
  const after = tailNow()
  if (before === undefined || after === undefined) return undefined
  return differenceIn(before, after, records, id, partition)
}

function described(files: FileSystem, data: string, name: string): TopicDescription | undefined | 'damaged' {
  try {
    return readDescription(files, data, name)
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    return 'damaged'
  }
}
