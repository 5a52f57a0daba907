import type { Clock } from '@millrace/core'
import type { LifeSign } from './member-file.ts'

/** How often a member beats, and looks at the others: a death is noticed within two looks. */
export const BEAT_INTERVAL_MS = 100
/**
 * Of a member that beats normally, a new beat is seen within two beats of the observer; so fewer than three do not count as
 * silence.
 */
const SILENT_BEATS_MIN = 3
/** If the observer's beats miss this much time, its own process was stopped, and what it remembers of others proves nothing. */
const STOPPED_MS = 1000

/** The result of a look at the other members. */
export interface MemberLife {
  /** Members that are dead, or whose process stood still for the session's time-out. */
  readonly gone: readonly string[]
  /**
   * Members whose process runs, but whose thread has been in one call for the session's time-out since they were last listed
   * here.
   */
  readonly busy: readonly string[]
}

interface Seen {
  readonly sign: LifeSign
  /** The observer's own beats when it first saw this count of beats. */
  readonly beatAt: number
  /** The same for this count of turns. */
  readonly turnAt: number
  readonly namedBusy: boolean
}

/**
 * What a member remembers of the others' signs of life. The time without a sign is counted in the observer's own beats. It does
 * not count while the observer is stopped, or gets no time on a busy machine; it counts while the observer is in a long callback.
 */
export class LifeSigns {
  readonly #clock: Clock
  readonly #ownBeats: () => number
  readonly #signOf: (member: string) => LifeSign | undefined
  readonly #sessionTimeoutMs: number
  readonly #silentBeats: number
  readonly #seen = new Map<string, Seen>()
  #lookedAtMs: number
  #lookedAtBeat = 0

  /** `signOf` gives a member's last sign, and undefined if it is dead. */
  constructor(
    clock: Clock,
    ownBeats: () => number,
    signOf: (member: string) => LifeSign | undefined,
    sessionTimeoutMs: number,
  ) {
    this.#clock = clock
    this.#ownBeats = ownBeats
    this.#signOf = signOf
    this.#sessionTimeoutMs = sessionTimeoutMs
    this.#silentBeats = Math.max(SILENT_BEATS_MIN, Math.ceil(sessionTimeoutMs / BEAT_INTERVAL_MS))
    this.#lookedAtMs = clock.monotonic()
  }

  look(members: readonly string[]): MemberLife {
    const beat = this.#ownBeats()
    if (this.#wasStopped(beat)) this.#seen.clear()
    const gone: string[] = []
    const busy: string[] = []
    for (const member of members) {
      const sign = this.#signOf(member)
      if (sign === undefined) {
        gone.push(member)
        continue
      }
      const seen = this.#follow(member, sign, beat)
      if (beat - seen.beatAt > this.#silentBeats) gone.push(member)
      else if (!seen.namedBusy && beat - seen.turnAt > this.#silentBeats) {
        this.#seen.set(member, { ...seen, namedBusy: true })
        busy.push(member)
      }
    }
    return { gone, busy }
  }

  /** Whether this process stood still for most of the time since the last look. */
  #wasStopped(beat: number): boolean {
    const nowMs = this.#clock.monotonic()
    const passedMs = nowMs - this.#lookedAtMs
    const ranMs = (beat - this.#lookedAtBeat) * BEAT_INTERVAL_MS
    this.#lookedAtMs = nowMs
    this.#lookedAtBeat = beat
    return passedMs > 2 * ranMs + Math.min(STOPPED_MS, this.#sessionTimeoutMs / 2)
  }

  #follow(member: string, sign: LifeSign, beat: number): Seen {
    const before = this.#seen.get(member)
    const turned = before?.sign.turns !== sign.turns
    const seen: Seen = {
      sign,
      beatAt: before === undefined || before.sign.beats !== sign.beats ? beat : before.beatAt,
      turnAt: before === undefined || turned ? beat : before.turnAt,
      namedBusy: before !== undefined && !turned && before.namedBusy,
    }
    this.#seen.set(member, seen)
    return seen
  }
}
