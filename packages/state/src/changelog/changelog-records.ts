import type { Checkpoint, InputCheckpoint } from '@millrace/core/internal'
import { CHANGELOG_ONLY, type CommitBuffer } from '../commit-buffer.ts'
import type { StoreIdentity } from '../identity.ts'
import { type ChangelogRun, LAST, PART_PREFIX } from './changelog-run.ts'

/**
 * What the changelog holds besides entries. The first bytes of the key distinguish the kinds, as no name begins with a zero
 * byte: `00 <topic>` is the checkpoint of an input, `00 00 <store>` the identity of a store, `00 00 00 <task>` joins the batches
 * of a group that has several (`ChangelogRun`).
 */
const CHECKPOINT_PREFIX = '\0'
const IDENTITY_PREFIX = '\0\0'

export function appendCheckpoint(buffer: CommitBuffer, run: ChangelogRun, checkpoint: Checkpoint): void {
  for (const [topic, { offset, progress, time, compactedBefore, batch }] of checkpoint) {
    append(buffer, run, CHECKPOINT_PREFIX + topic, { offset, progress, time, compactedBefore, batch })
  }
}

/** The key of the checkpoint of an input. */
export function checkpointKey(topic: string): Buffer {
  return Buffer.from(CHECKPOINT_PREFIX + topic)
}

export function appendIdentity(buffer: CommitBuffer, run: ChangelogRun, store: string, identity: StoreIdentity): void {
  append(buffer, run, IDENTITY_PREFIX + store, identity)
}

function append(buffer: CommitBuffer, run: ChangelogRun, key: string, value: unknown): void {
  buffer.beginKey(CHANGELOG_ONLY)
  buffer.out.utf8(key)
  buffer.beginValue()
  buffer.out.utf8(JSON.stringify(value))
  buffer.endValue()
  buffer.appendLast(run)
}

/** What a changelog record is about. A store is named by the prefix of its keys. */
export type ChangelogKey =
  | { readonly kind: 'entry'; readonly store: string }
  | { readonly kind: 'checkpoint'; readonly topic: string }
  | { readonly kind: 'identity'; readonly store: string }
  | { readonly kind: 'part'; readonly task: string }

/** Reads what a changelog record is about from its key, `bytes[start, end)`. */
export function readChangelogKey(bytes: Buffer, start: number, end: number): ChangelogKey {
  if (bytes[start] !== 0) {
    const zero = bytes.indexOf(0, start)
    return { kind: 'entry', store: bytes.latin1Slice(start, zero < 0 || zero >= end ? start : zero) }
  }
  if (bytes[start + 1] !== 0) return { kind: 'checkpoint', topic: bytes.latin1Slice(start + 1, end) }
  if (bytes[start + 2] !== 0) return { kind: 'identity', store: bytes.latin1Slice(start + IDENTITY_PREFIX.length, end) }
  return { kind: 'part', task: bytes.latin1Slice(start + PART_PREFIX.length, end) }
}

/** Whether a record that joins the batches of a group is that of its last batch. */
export function isLastPart(bytes: Buffer, start: number, end: number): boolean {
  return bytes.latin1Slice(start, end) === LAST
}

/** The value of a checkpoint record. The log has already verified its bytes. */
export function readCheckpoint(bytes: Buffer, start: number, end: number): InputCheckpoint {
  const { offset, progress, time, compactedBefore, batch } = JSON.parse(bytes.utf8Slice(start, end))
  return {
    offset,
    progress,
    ...(time !== undefined && { time }),
    ...(compactedBefore !== undefined && { compactedBefore }),
    ...(batch !== undefined && { batch }),
  }
}

/** The value of an identity record. The log has already verified its bytes. */
export function readIdentity(bytes: Buffer, start: number, end: number): StoreIdentity {
  const { version, key, value, shape, order, windowMs, timed } = JSON.parse(bytes.utf8Slice(start, end))
  return { version, key, value, shape, order, windowMs, timed }
}
