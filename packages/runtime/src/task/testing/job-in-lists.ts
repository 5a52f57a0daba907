import { type Job, RefusedError, type Topic, type TopicDescription } from '@millrace/core'
import { deadLettersOf, namedTopics, repartitionTopic, toTopology } from '@millrace/core/internal'
import { buildPipeline } from '../build-pipeline.ts'
import type { Outside } from '../outside.ts'
import type { Pipeline } from '../pipeline.ts'
import { RunningCounts } from '../task-counts.ts'
import { bytesOf, ListedPartition } from './listed-partition.ts'
import { MapState } from './map-state.ts'

/** A clock that stands still. */
export const STOPPED_CLOCK = { monotonic: () => 0, now: () => 0 }

/** For jobs without calls to the outside world. */
const NO_OUTSIDE: Outside = {
  clock: STOPPED_CLOCK,
  timers: {
    after: () => {
      throw new Error('No timer is expected')
    },
    turn: () => Promise.resolve(),
  },
  random: { next: () => 0, uuid: () => '' },
  secure: () => undefined,
  wake: () => undefined,
}

/** One task of a job, without a log, a disk or a clock. */
export interface TaskInLists {
  readonly id: string
  readonly pipeline: Pipeline
  readonly counts: RunningCounts
  readonly state: MapState
}

/** A whole job with one partition of everything, without a log, a disk or a clock: topics are lists, stores are maps. */
export class JobInLists {
  readonly job: Job
  readonly tasks: readonly TaskInLists[]
  readonly #topics = new Map<string, ListedPartition>()

  constructor(job: Job, outside: Outside = NO_OUTSIDE) {
    this.job = job
    const topology = toTopology(job)
    const read = topology.subtopologies.flatMap(({ inputs }) => inputs.map(({ topic }) => topic))
    const named = new Set([...namedTopics(topology), ...read])
    const writers = new Map([...named].map((name) => [name, [this.topic(name)]]))
    this.tasks = topology.subtopologies.map((subtopology) => {
      const counts = new RunningCounts()
      const state = new MapState(subtopology.stores)
      const pipeline = buildPipeline({
        topology,
        subtopology,
        partition: 0,
        tasks: 1,
        topics: new Map<string, TopicDescription>(),
        repartitionTopic: ({ name }) => repartitionTopic(topology.job, name),
        sources: {},
        idleAfterMs: Number.POSITIVE_INFINITY,
        state,
        storeKey: (name) => name,
        counts,
        writers,
        deadLetters: new Map(deadLettersOf(topology).map((name) => [name, this.topic(name)])),
        openWriters: async (name) => [this.#opened(name)],
        now: () => 0,
        outside,
        fence: undefined,
        fences: [],
      })
      for (const input of pipeline.inputs) {
        input.load(undefined)
        input.start(this.topic(input.topic).read(), true)
      }
      pipeline.resume(new Map())
      return { id: subtopology.id, pipeline, counts, state }
    })
  }

  /** Appends a record to one of the job's topics. A value of null is a deletion. */
  append<K, V>(topic: Topic<K, V>, key: K | null, value: V | null, timestamp: number): void {
    const bytes = key === null ? null : bytesOf(topic.key, key)
    this.topic(topic.name).append(timestamp, bytes, 0, bytes?.length ?? 0, value, topic.value, [])
  }

  /** Lets every task do all that there is to do; tasks behind others get what these sent once they commit. */
  run(): void {
    for (const { pipeline } of this.tasks) {
      while (pipeline.run(Number.POSITIVE_INFINITY, STOPPED_CLOCK) > 0);
      pipeline.freeze()
      pipeline.frozen()
    }
  }

  /** A topic; it is created if no topic has the name. */
  topic(name: string): ListedPartition {
    const topic = this.#topics.get(name) ?? new ListedPartition(name)
    this.#topics.set(name, topic)
    return topic
  }

  #opened(name: string): ListedPartition {
    const topic = this.#topics.get(name)
    if (topic === undefined) throw new RefusedError('TOPIC_MISSING', `There is no topic ${name}`, { topic: name })
    return topic
  }
}
