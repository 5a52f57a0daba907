import type { FileSystem, OpenFile } from '@millrace/core'
import { isControl, producerOf } from '../../record-batch/batch-header.ts'
import { type Outcome, outcomeOf } from '../../record-batch/control-batch.ts'
import type { Producer } from '../../record-batch/format.ts'
import { BatchScanner } from '../partition/batch-scanner.ts'
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
  const scanner = new BatchScanner(file, Buffer.allocUnsafeSlow(MARKER_BYTES_MAX), MARKER_BYTES_MAX)
  scanner.limitTo(file.size())
  for (;;) {
    const found = scanner.findHeader()
    if (found !== 'whole' && found !== 'offset') return undefined
    const { buffer, at, bytes } = scanner
    if (bytes <= MARKER_BYTES_MAX && isControl(buffer, at) && sameTransaction(producerOf(buffer, at), producer)) {
      const outcome = markerHere(scanner)
      if (outcome !== undefined) return outcome
    }
    scanner.pass()
  }
}

function markerHere(scanner: BatchScanner): Outcome | undefined {
  const found = scanner.find()
  return found === 'whole' || found === 'offset' ? outcomeOf(scanner.buffer, scanner.at) : undefined
}
