import { RefusedError, type TopicDescription } from '@millrace/core'
import { durationText } from '@millrace/core/internal'
import { Option } from 'commander'
import { isoText } from '../event-time/time-unit.ts'

/** The option to append records even if retention deletes them at once. */
export function allowExpiredOption(): Option {
  return new Option('--allow-expired', "also append records that are older than the topic's retention")
}

/**
 * Refuses records that a topic's retention deletes as soon as their segment is closed. Retention uses the time of the
 * records, so it would be useless to append old records.
 */
export class ExpiryCheck {
  readonly #topic: TopicDescription
  readonly #allowed: boolean
  #expired = 0

  constructor(topic: TopicDescription, allowed: boolean) {
    this.#topic = topic
    this.#allowed = allowed
  }

  /** How many records were older than the retention when they were checked. */
  get expired(): number {
    return this.#expired
  }

  /** `where` names the record in messages. Throws `RECORD_EXPIRED`. */
  check(timestamp: number, where: string): void {
    const { name, cleanup, retentionMs } = this.#topic
    if (cleanup !== 'delete' || retentionMs === null || timestamp >= Date.now() - retentionMs) return
    this.#expired++
    if (this.#allowed) return
    throw new RefusedError(
      'RECORD_EXPIRED',
      `${where}: the record's event time is ${isoText(timestamp)}, and topic ${name} deletes records that are older than ` +
        `${durationText(retentionMs)}. Choose a topic with a longer retention, or append such records with --allow-expired`,
      { topic: name },
    )
  }
}
