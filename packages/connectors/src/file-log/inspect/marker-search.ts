import type { FileSystem, OpenFile } from '@millrace/core'
import { batchBytes, isControl, isWhole, producerOf } from '../../record-batch/batch-header.ts'
import { type Outcome, outcomeOf } from '../../record-batch/control-batch.ts'
import { HEADER_BYTES, type Producer } from '../../record-batch/format.ts'
import { sameTransaction } from '../partition/open-transactions.ts'
import { listSegments } from '../partition/segments.ts'
import { segmentPath, topicsDirectory } from '../paths.ts'

/** Markers are small: a larger batch is not a marker, whatever is in its header. */
const MARKER_BYTES_MAX = 4096

/**
 * How a transaction ended, according to its first marker anywhere in the log; undefined if there is none. It reads header
 * after header of every segment.
 */
export function findMarker(files: FileSystem, data: string, producer: Producer): Outcome | undefined {
  for (const topic of files.list(topicsDirectory(data))) {
    for (const partition of files.list(`${topicsDirectory(data)}/${topic}`)) {
      const directory = `${topicsDirectory(data)}/${topic}/${partition}`
      if (files.stat(directory)?.directory !== true) continue
      for (const base of listSegments(files, directory)) {
        const file = files.open(segmentPath(directory, base), 'read')
        try {
          const outcome = markerIn(file, producer)
          if (outcome !== undefined) return outcome
        } finally {
          file.close()
        }
      }
    }
  }
  return undefined
}

function markerIn(file: OpenFile, producer: Producer): Outcome | undefined {
  const buffer = Buffer.allocUnsafe(MARKER_BYTES_MAX)
  for (let position = 0; ; ) {
    const held = file.read(buffer, 0, MARKER_BYTES_MAX, position)
    const bytes = held < HEADER_BYTES ? undefined : batchBytes(buffer, 0)
    if (bytes === undefined) return undefined
    if (bytes <= held && isControl(buffer, 0) && sameTransaction(producerOf(buffer, 0), producer)) {
      const outcome = isWhole(buffer, 0, bytes) ? outcomeOf(buffer, 0) : undefined
      if (outcome !== undefined) return outcome
    }
    position += bytes
  }
}
