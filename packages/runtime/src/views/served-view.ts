import type { Batch, Position, Serde } from '@millrace/core'
import type { CommittedStore, StatePosition, StoreChange, StoreShape } from '@millrace/core/internal'
import type { Observable } from 'rxjs'

/** A view as the server sees it: the tasks of this container that hold a part of it. */
export interface ServedView {
  readonly name: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  readonly shape: StoreShape
  /** How many parts the view has, over all tasks; a key is in part `partitionOf(key bytes) % parts`, as its topic's producer put it. */
  readonly partitions: number
  /**
   * The view counts every record from these source positions on. Of earlier records it has those that were on their way
   * then, or none. A partition that is missing counts from its start.
   */
  readonly completeFrom: Position
  /** Every source partition that some part of the view depends on, here or elsewhere, from the start (at 0). */
  readonly sources: Position
  /** The parts that this container has. */
  readonly parts: readonly ViewPart[]
  /** The processes that have the other parts, as far as they are known. */
  readonly remoteOwners: readonly RemoteOwner[]
  /** Copies of parts of other processes, as of this container's standbys. Absent: none. */
  readonly standbys?: readonly ViewPart[]
  /** The processes that have such copies of parts, as far as they are known. Absent: none. */
  readonly remoteStandbys?: readonly RemoteOwner[]
}

/** Another process of the job, and what it has of a view. */
export interface RemoteOwner {
  /** Its address: `http://127.0.0.1:4711` or `unix:/path/of/its.sock`. */
  readonly address: string
  readonly partitions: readonly number[]
}

/** The part of a view that one task holds. */
export interface ViewPart {
  readonly partition: number
  readonly store: CommittedStore<unknown, unknown>
  /**
   * The job's source positions that the last commit of this part reflects. They only grow. They list every source partition
   * that the part depends on, from the start (at 0): one that is not listed does not matter to this part.
   */
  readonly position: Position
  /** Emits once per commit that changed the view, after the commit is visible to `store`. Completes when the task stops. */
  readonly changes: Observable<ViewCommit>
  /** Emits the new position after every commit, including commits that changed nothing here. */
  readonly positions: Observable<Position>
  /** What was committed before, as far as it is kept. Absent in a part that has no followers. */
  readonly history?: PartHistory
}

/** The changes of a part that were committed, as its changelog has them. */
export interface PartHistory {
  /** Identifies the changelog and the store in it: if either is made again, it has another identity. */
  readonly identity: string
  /** Where the last commit ends that the part's `position` reflects. Both change at the same moment. */
  readonly point: StatePosition
  /** Opens the history at an offset, which may be in the middle of a batch. The caller must close it. */
  open(offset: number): Promise<HistoryReader>
}

/** Reads the batches of a part's history, in order; only committed ones. */
export interface HistoryReader {
  /** Where the next poll reads. */
  readonly position: number
  seek(offset: number): void
  /** Reads the next batch, which makes the one before it invalid. Returns undefined if nothing more can be read now. */
  poll(): HistoryBatch | undefined
  /** Resolves when there may be more, when the time is over, or when `signal` aborts. */
  wait(timeoutMs: number, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** A batch of a history: a cursor, as `Batch`. */
export interface HistoryBatch extends Pick<Batch, 'baseOffset' | 'nextOffset' | 'recordsChecksum' | 'next'> {
  /** How many bytes the current record has. */
  readonly bytes: number
  /** The change that the current record is, decoded; undefined if it is not of this part. */
  change(): StoreChange | undefined
}

/** What one commit changed in a part of a view, and the position that the part reflects after it. */
export interface ViewCommit {
  readonly position: Position
  /** Decoded when iterated; each key at most once. */
  readonly changes: Iterable<StoreChange>
}
