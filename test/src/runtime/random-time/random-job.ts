import type { JobPlan, StreamPlan, TablePlan } from '@millrace/testing/internal'
import fc from 'fast-check'

/** One random step. Its numbers choose among the existing streams and topics. */
interface RandomStep {
  readonly kind: 'filter' | 'tag' | 'copies' | 'keyBy' | 'repartition' | 'merge' | 'window' | 'session' | 'total'
  readonly from: number
  readonly other: number
  readonly sizeMs: number
  readonly hops: number
  readonly graceMs: number
  readonly final: boolean
}

/** A random job. */
export interface RandomJob {
  /** The number of partitions of every topic. */
  readonly partitions: number
  /** The number of partitions of explicit repartition topics; if undefined, the job adds all repartitions by itself. */
  readonly spread: number | undefined
  readonly topics: number
  readonly steps: readonly RandomStep[]
}

const randomStep: fc.Arbitrary<RandomStep> = fc.record({
  kind: fc.constantFrom(
    'window',
    'window',
    'window',
    'session',
    'merge',
    'keyBy',
    'keyBy',
    'repartition',
    'filter',
    'tag',
    'copies',
    'total',
  ),
  // Mostly the last stream: long chains are what fails.
  from: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 3, arbitrary: fc.nat(9) }),
  other: fc.nat(9),
  sizeMs: fc.constantFrom(10, 20, 25, 60),
  hops: fc.constantFrom(1, 1, 2, 3),
  graceMs: fc.constantFrom(0, 0, 7, 30),
  final: fc.boolean(),
})

export const randomJob: fc.Arbitrary<RandomJob> = fc.record({
  partitions: fc.integer({ min: 1, max: 3 }),
  spread: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
  topics: fc.integer({ min: 1, max: 3 }),
  steps: fc.array(randomStep, { minLength: 1, maxLength: 7, size: 'max' }),
})

/** A stream of the job, and what decides which steps may follow it. */
interface Stream {
  readonly plan: StreamPlan
  /** Streams of one group run in the same tasks. */
  readonly group: number
  readonly rekeyed: boolean
  /** Whether the order of each key's records depends on the source partitions alone. */
  readonly ordered: boolean
}

/** The plan of a random job. Every list of steps is a job, so that a failing one can be made smaller. */
export function planOf(random: RandomJob): JobPlan {
  const topics = ['a', 'b', 'c'].slice(0, random.topics)
  const builder = new PlanBuilder(random, topics)
  for (const step of random.steps) builder.add(step)
  if (builder.tables.length === 0) {
    builder.add({ kind: 'window', from: 0, other: 0, sizeMs: 10, hops: 1, graceMs: 0, final: true })
  }
  return { topics, tables: builder.tables }
}

class PlanBuilder {
  readonly tables: TablePlan[] = []
  readonly #partitions: number
  readonly #spread: number | undefined
  /** The streams that steps may read, the latest first. */
  readonly #streams: Stream[]
  #numbers = 0

  constructor({ partitions, spread }: RandomJob, topics: readonly string[]) {
    this.#partitions = partitions
    this.#spread = spread
    this.#streams = topics.map((topic) => ({
      plan: { kind: 'source', topic },
      group: 0,
      rekeyed: false,
      ordered: true,
    }))
  }

  add({ kind, from, other, sizeMs, hops, graceMs, final }: RandomStep): void {
    const input = this.#choose(from)
    switch (kind) {
      case 'filter':
      case 'tag':
      case 'copies':
        this.#push({ ...input, plan: { kind, input: input.plan } })
        break
      case 'keyBy':
        this.#push({ ...input, plan: { kind, input: input.plan, keys: 1 + (other % 4) }, rekeyed: true })
        break
      case 'repartition':
        this.#push(this.#repartition(input, `r${++this.#numbers}`))
        break
      case 'merge':
        this.#push(this.#merge(input, this.#choose(other)))
        break
      case 'total':
        this.#addTable(this.#byKey(input), (table) => ({ ...table, kind, name: `t${++this.#numbers}` }))
        break
      case 'session':
        this.#addTable(this.#byKey(input), (table) => {
          return { ...table, kind, name: `s${++this.#numbers}`, gapMs: sizeMs, graceMs, emit: 'final' }
        })
        break
      case 'window':
        this.#addTable(this.#byKey(input), (table) => ({
          ...table,
          kind,
          name: `w${++this.#numbers}`,
          sizeMs,
          advanceMs: Math.ceil(sizeMs / hops),
          graceMs,
          emit: final ? 'final' : 'changes',
          panes: other % 2 === 0,
        }))
        break
    }
  }

  #choose(number: number): Stream {
    const stream = this.#streams[number % this.#streams.length]
    if (stream === undefined) throw new Error('A job without topics')
    return stream
  }

  #push(stream: Stream): void {
    this.#streams.unshift(stream)
  }

  #repartition(input: Stream, name: string | undefined): Stream {
    const plan = { kind: 'repartition', input: input.plan, name, partitions: this.#spread } as const
    const senders = input.group === 0 ? this.#partitions : (this.#spread ?? this.#partitions)
    return { plan, group: ++this.#numbers, rekeyed: false, ordered: input.ordered && senders === 1 }
  }

  /**
   * The stream as an aggregate reads it. A repartition topic that the job adds by itself has as many partitions as the topics.
   */
  #byKey(input: Stream): Stream {
    if (!input.rekeyed) return input
    return this.#repartition(input, this.#spread === undefined ? undefined : `r${++this.#numbers}`)
  }

  #merge(first: Stream, second: Stream): Stream {
    // A stream that is merged with itself would be named twice in one step.
    const other = first === second ? { ...second, plan: { kind: 'tag', input: second.plan } as const } : second
    const together = first.group === other.group
    // Streams of different groups are read together through their own repartition topics: without these they could form a cycle.
    const inputs = together
      ? [first, other]
      : [first, other].map((each) => this.#repartition(each, `r${++this.#numbers}`))
    return {
      plan: { kind: 'merge', inputs: inputs.map(({ plan }) => plan) },
      group: together ? first.group : ++this.#numbers,
      rekeyed: inputs.some(({ rekeyed }) => rekeyed),
      ordered: false,
    }
  }

  #addTable(input: Stream, make: (table: Pick<TablePlan, 'input' | 'ordered'>) => TablePlan): void {
    const table = make({ input: input.plan, ordered: input.ordered })
    this.tables.push(table)
    const results: StreamPlan = { kind: 'results', table }
    if (table.kind !== 'total') this.#push({ ...input, plan: { kind: 'late', table } })
    if (table.kind !== 'total' && table.emit === 'final') {
      this.#push({ ...input, plan: results, rekeyed: true, ordered: false })
    } else if (input.ordered) {
      // If the input is not ordered, the times of changes depend on how the source partitions interleave: no compared result
      // may read them.
      this.#push({ ...input, plan: results, rekeyed: table.kind !== 'total' })
    }
  }
}
