import { type JobSettings, RefusedError } from '@millrace/core'
import { CONTAINERS_MAX } from './deployment.ts'

/** A heap that is smaller than this cannot run a job. */
const HEAP_BYTES_MIN = 64 * 1024 * 1024
/** A commit waits this long at most: what a job has done since the last one is done again after a crash. */
const COMMIT_INTERVAL_MS_MAX = 60 * 60 * 1000

/** Throws `BAD_INPUT` for settings that a job cannot run with. */
export function checkSettings(settings: JobSettings): void {
  const { containers, auto, guarantee, standbys, commitIntervalMs, heapBytesMax, diskBytesMax = null } = settings
  if (!isWhole(containers, 1, CONTAINERS_MAX)) {
    throw badSetting('containers', containers, `Give a whole number from 1 to ${CONTAINERS_MAX}`)
  }
  if (auto !== null && !(isWhole(auto.min, 1, CONTAINERS_MAX) && isWhole(auto.max, auto.min, CONTAINERS_MAX))) {
    throw badSetting('auto', auto, `Give a min and a max from 1 to ${CONTAINERS_MAX}`)
  }
  if (guarantee !== 'exactly-once' && guarantee !== 'at-least-once') {
    throw badSetting('guarantee', guarantee, 'Give exactly-once or at-least-once')
  }
  if (!isWhole(standbys, 0, CONTAINERS_MAX - 1)) {
    throw badSetting('standbys', standbys, `Give a whole number from 0 to ${CONTAINERS_MAX - 1}`)
  }
  if (!isWhole(commitIntervalMs, 1, COMMIT_INTERVAL_MS_MAX)) {
    throw badSetting(
      'commitIntervalMs',
      commitIntervalMs,
      `Give whole milliseconds from 1 to ${COMMIT_INTERVAL_MS_MAX}`,
    )
  }
  if (heapBytesMax !== null && !isWhole(heapBytesMax, HEAP_BYTES_MIN, Number.MAX_SAFE_INTEGER)) {
    throw badSetting('heapBytesMax', heapBytesMax, `Give whole bytes of at least ${HEAP_BYTES_MIN}`)
  }
  if (diskBytesMax !== null && !isWhole(diskBytesMax, 1, Number.MAX_SAFE_INTEGER)) {
    throw badSetting('diskBytesMax', diskBytesMax, 'Give whole bytes above 0')
  }
}

/** Settings come from programs too, so their types are not certain. */
function isWhole(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max
}

function badSetting(name: string, value: unknown, advice: string): RefusedError {
  return new RefusedError('BAD_INPUT', `The setting ${name} cannot be ${JSON.stringify(value)}. ${advice}`)
}
