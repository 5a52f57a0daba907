import assert from 'node:assert/strict'
import type { Isolation, Log } from '../contracts/log.ts'
import type { LogWriter } from '../contracts/writers.ts'
import { type ReadRecord, readAll } from './records.ts'

/** Makes the topic `t` and opens a writer of its only partition. */
export async function openWriter(log: Log, settings: Parameters<Log['admin']['createTopic']>[1] = {}) {
  await log.admin.createTopic('t', settings)
  const writer: LogWriter = log.openWriter()
  return [await writer.openPartition('t', 0), writer] as const
}

export function values(records: readonly ReadRecord[]): (string | null)[] {
  return records.map(({ value }) => value)
}

/** What a new reader finds in a partition of the topic `t`, from an offset on. */
export async function recordsIn(
  log: Log,
  partition = 0,
  isolation: Isolation = 'committed',
  offset = 0,
): Promise<ReadRecord[]> {
  const reader = log.openReader({ isolation })
  try {
    return readAll(await reader.assign('t', partition, offset))
  } finally {
    await reader.close()
  }
}

export async function valuesIn(
  log: Log,
  partition = 0,
  isolation: Isolation = 'committed',
): Promise<(string | null)[]> {
  return values(await recordsIn(log, partition, isolation))
}

export function foldLatest(records: readonly ReadRecord[]): Map<string, [number, string]> {
  return new Map(records.map(({ key, offset, value }) => [key ?? '', [offset, value ?? '']]))
}

export function assertAscending(records: readonly ReadRecord[]): void {
  records.reduce((last, { offset }) => {
    assert.ok(offset > last, `${offset} comes after ${last}`)
    return offset
  }, -1)
}

export async function rejects(code: string, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error: { code?: unknown }) => {
    assert.equal(error.code, code)
    return true
  })
}

export function throwsCode(code: string, call: () => unknown): void {
  assert.throws(call, (error: { code?: unknown }) => {
    assert.equal(error.code, code)
    return true
  })
}
