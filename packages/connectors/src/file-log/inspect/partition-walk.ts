import type { FileSystem, OpenFile } from '@millrace/core'
import { LEADER_EPOCH_AT, MAGIC_AT } from '../../record-batch/format.ts'
import { messageOf, systemCode } from '../errors.ts'
import { openIfThere } from '../if-there.ts'
import { IndexCheck } from './check-index.ts'
import { MarkerCheck } from './check-markers.ts'
import type { Fix, PartitionProblem } from './problem.ts'
import { isOfBoot, requiredOf } from './required.ts'
import { agrees, type PartitionSnapshot, type SegmentFile } from './snapshot.ts'
import { offsets, type SegmentWalk, type WalkedBatch, type WalkedDamage, walkSegment } from './walk-segment.ts'

const OFFSET_MAX = Number.MAX_SAFE_INTEGER

const NONE: Fix = { kind: 'none' }
const RECOVER: Fix = { kind: 'recover' }

/** Reads everything in a partition once, and collects everything that is wrong. */
export class PartitionWalk {
  readonly problems: PartitionProblem[] = []
  batches = 0
  bytes = 0
  readonly #files: FileSystem
  readonly #snapshot: PartitionSnapshot
  /** The highest offset that a committed transaction is known to reach. */
  readonly #decidedEnd: number
  /** The offset that must come next; undefined before the first segment. */
  #expected: number | undefined

  readonly #markers = new MarkerCheck()

  constructor(files: FileSystem, snapshot: PartitionSnapshot, decidedEnd: number) {
    this.#files = files
    this.#decidedEnd = decidedEnd
    this.#snapshot = snapshot
  }

  run(): void {
    this.#checkSegments()
    const { tail, quiet } = this.#snapshot
    // While a process appends, or if recovery is still to come, a transaction without a marker counts as open.
    if (tail !== undefined && quiet && agrees(this.#snapshot)) {
      this.problems.push(...this.#markers.problems(tail.open, this.problems))
    }
  }

  #checkSegments(): void {
    const { tail, tailPath, segments } = this.#snapshot
    if (tail === undefined) {
      this.#report('harmless', tailPath, 0, 0, 'it is missing or damaged; opening the partition rebuilds it', RECOVER)
    }
    const startOffset = tail?.startOffset ?? 0
    for (const [index, segment] of segments.entries()) {
      const next = segments[index + 1]
      if (next !== undefined && next.base <= startOffset) {
        this.#report(
          'harmless',
          segment.path,
          0,
          segment.bytes,
          'retention deleted its records, and was interrupted before it removed the file',
          NONE,
        )
        continue
      }
      if (this.#expected !== undefined && segment.base < this.#expected) {
        const what = 'the segment before has its records too: a compaction was interrupted; the next one removes it'
        this.#report('harmless', segment.path, 0, segment.bytes, what, NONE)
        continue
      }
      if (this.#expected === undefined) this.#checkStart(segment, tail === undefined ? segment.base : startOffset)
      this.#expected = segment.base
      if (next === undefined) this.#checkLast(segment)
      else this.#checkClosed(segment, next.base)
    }
  }

  #checkStart({ path, base }: SegmentFile, startOffset: number): void {
    if (base <= startOffset) return
    this.problems.push({
      severity: 'damage',
      file: path,
      position: 0,
      end: 0,
      offset: startOffset,
      nextOffset: base,
      what: `${offsets(startOffset, base)} should be in a segment before this one, which is missing`,
      fix: { kind: 'start', offset: base, lostFrom: startOffset },
    })
  }

  #checkClosed(segment: SegmentFile, nextBase: number): void {
    this.#withFile(segment, (file) => {
      const index = new IndexCheck(this.#files, this.#snapshot.directory, segment.base)
      const limit = file?.size() ?? 0
      const offsetMax = agrees(this.#snapshot) ? (this.#snapshot.tail?.nextOffset ?? OFFSET_MAX) : OFFSET_MAX
      this.#walk(segment, file, { position: 0, offset: segment.base, limit, nextBase, offsetMax }, index)
      this.problems.push(...index.problems(limit))
    })
  }

  /** The part that must be there is checked as a closed segment is; recovery deals with what is after it. */
  #checkLast(segment: SegmentFile): void {
    const { tail, tailPath, boot, quiet } = this.#snapshot
    const required = requiredOf(tail, boot, segment.base)
    this.#withFile(segment, (file) => {
      const index = new IndexCheck(this.#files, this.#snapshot.directory, segment.base)
      const size = segment.bytes
      const limit = Math.min(size, required.bytes)
      const { nextOffset } = required
      const whole: SegmentWalk = {
        position: 0,
        offset: segment.base,
        limit,
        nextBase: nextOffset,
        offsetMax: nextOffset,
      }
      this.#walk(segment, file, whole, index)
      if (this.#expected !== nextOffset) {
        const what = `it states that offset ${nextOffset} comes next, but the batches continue to ${this.#expected}`
        this.#report('damage', tailPath, 0, 0, what, RECOVER)
      }
      if (quiet && !agrees(this.#snapshot)) this.#checkBehind(segment, file, limit, index)
      this.problems.push(...index.problems(quiet ? size : limit))
    })
  }

  /**
   * After the part that must be there, recovery keeps whole batches and cuts off the rest, unless a decided transaction had
   * more.
   */
  #checkBehind(segment: SegmentFile, file: OpenFile | undefined, position: number, index: IndexCheck): void {
    const { tail, boot } = this.#snapshot
    const ofBoot = tail !== undefined && isOfBoot(tail, boot)
    const limit = segment.bytes
    const before = this.batches
    const walk = { position, offset: this.#expected ?? segment.base, limit, nextBase: undefined, offsetMax: OFFSET_MAX }
    for (const walked of file === undefined ? [] : walkSegment(file, walk)) {
      index.note(walked)
      if (walked.kind === 'batch') {
        this.#batch(segment, walked)
      } else if (walked.offset >= this.#decidedEnd && (walked.nextOffset === undefined || !ofBoot)) {
        // After a power cut, there may be whole batches after one that never reached the disk: none of them was ever reported
        // as durable.
        const what = `${walked.what}: an append was interrupted; the process that opens the partition next removes it`
        this.#report('torn', segment.path, walked.position, limit, what, RECOVER)
        return
      } else {
        this.#damage(segment, { ...walked, nextOffset: walked.nextOffset ?? this.#decidedEnd }, walked.end === limit)
      }
    }
    const offset = this.#expected ?? segment.base
    if (offset < this.#decidedEnd) {
      const what = `the segment ends here, but a committed transaction reaches to offset ${this.#decidedEnd - 1}`
      this.#damage(segment, { position: limit, end: limit, offset, nextOffset: this.#decidedEnd, what }, true)
    }
    if (this.batches === before || !ofBoot) return
    const what =
      'the tail does not list the whole batches from there on; the process that opens the partition next keeps them'
    this.#report('harmless', segment.path, position, limit, what, RECOVER)
  }

  #walk(segment: SegmentFile, file: OpenFile | undefined, walk: SegmentWalk, index: IndexCheck): void {
    if (file === undefined) {
      if (walk.nextBase === undefined || walk.nextBase <= walk.offset) return
      const what = `the file with ${offsets(walk.offset, walk.nextBase)} is missing`
      this.#damage(segment, { position: 0, end: 0, offset: walk.offset, nextOffset: walk.nextBase, what }, true)
      return
    }
    for (const walked of walkSegment(file, walk)) {
      index.note(walked)
      if (walked.kind === 'batch') this.#batch(segment, walked)
      else this.#damage(segment, walked, walked.end === segment.bytes)
    }
  }

  #batch({ path }: SegmentFile, walked: WalkedBatch): void {
    const { position, bytes, nextOffset, buffer } = walked
    this.batches++
    this.#markers.note(path, walked)
    this.bytes += bytes
    this.#expected = nextOffset
    if (buffer.readInt32BE(LEADER_EPOCH_AT) === 0) return
    const at = position + LEADER_EPOCH_AT
    const what = 'the leader epoch there is not 0, as it was written: nothing reads it, but a byte has changed'
    this.#report('harmless', path, at, position + MAGIC_AT, what, NONE)
  }

  #damage(
    { base, path }: SegmentFile,
    walked: Omit<WalkedDamage, 'kind' | 'baseOffsetOnly'> & { readonly baseOffsetOnly?: boolean },
    last: boolean,
  ): void {
    const { position, end, offset, nextOffset, what, baseOffsetOnly = false } = walked
    const to = nextOffset ?? offset
    this.#expected = to
    const fix: Fix = baseOffsetOnly
      ? { kind: 'baseOffset', base, position, offset }
      : { kind: 'fill', base, position, end, last, from: offset, to }
    const place = { file: path, position, end, offset, ...(nextOffset !== undefined && { nextOffset }) }
    this.problems.push({ severity: 'damage', ...place, what, fix })
  }

  #report(
    severity: PartitionProblem['severity'],
    file: string,
    position: number,
    end: number,
    what: string,
    fix: Fix,
  ): void {
    this.problems.push({ severity, file, position, end, what, fix })
  }

  /** A file that the disk cannot read is damage, too. */
  #withFile(segment: SegmentFile, use: (file: OpenFile | undefined) => void): void {
    const file = openIfThere(this.#files, segment.path)
    try {
      use(file)
    } catch (error) {
      if (systemCode(error) === undefined) throw error
      this.#report('damage', segment.path, 0, segment.bytes, `it cannot be read: ${messageOf(error)}`, NONE)
    } finally {
      file?.close()
    }
  }
}
