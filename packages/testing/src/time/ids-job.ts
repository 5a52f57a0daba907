import {
  hopping,
  type Job,
  job,
  json,
  type Output,
  type Stream,
  sessions,
  stream,
  string,
  type Table,
  type Topic,
  topic,
  tumbling,
  type Windowed,
  type WindowedTable,
  windowed,
} from '@millrace/core'
import { idsHash } from './ids-hash.ts'
import {
  type JobPlan,
  type SessionPlan,
  type StreamPlan,
  showsClosedOnly,
  type TablePlan,
  type WindowPlan,
} from './plan.ts'

/** The source records from which a value was computed, sorted. */
export type Ids = readonly string[]

export const ids = json<Ids>()

type IdStream = Stream<string, Ids>

/** A topic of source records. */
export const sourceTopic = (name: string) => topic(name, { key: string(), value: ids })
/** The topics that a table's results and late records go to. */
export const resultsTopic = (name: string) => topic(`${name}-results`, { key: windowed(string()), value: ids })
export const totalsTopic = (name: string) => topic(`${name}-results`, { key: string(), value: ids })
export const lateTopic = (name: string) => topic(`${name}-late`, { key: string(), value: ids })

const gather = {
  init: (): Ids => [],
  add: (total: Ids, more: Ids): Ids => [...total, ...more].sort(),
  value: ids,
}

/**
 * The job of a plan: every table is a view, and its results and late records are written to topics. `work` is called for each
 * source record: it stands for the work of the job's callbacks.
 */
export function idsJob(name: string, { topics, tables }: JobPlan, work: () => void = () => undefined): Job {
  const builder = new JobBuilder(topics, work)
  const outputs: Output[] = []
  const views: Table<unknown, unknown>[] = []
  for (const table of tables) {
    if (table.kind === 'total') {
      const total = builder.total(table)
      views.push(total as Table<unknown, unknown>)
      outputs.push(total.changes().to(totalsTopic(table.name)))
    } else {
      const windows = builder.windows(table)
      views.push(windows as Table<unknown, unknown>)
      outputs.push(windows.changes().to(resultsTopic(table.name)), windows.late().to(lateTopic(table.name)))
    }
  }
  return job(name, ...outputs, ...views)
}

class JobBuilder {
  readonly #topics: ReadonlyMap<string, Topic<string, Ids>>
  readonly #work: () => void
  readonly #streams = new Map<StreamPlan, IdStream>()
  readonly #windows = new Map<WindowPlan | SessionPlan, WindowedTable<string, Ids, Ids>>()
  readonly #totals = new Map<TablePlan, Table<string, Ids>>()

  constructor(topics: readonly string[], work: () => void) {
    this.#topics = new Map(topics.map((name) => [name, sourceTopic(name)]))
    this.#work = work
  }

  total(plan: TablePlan): Table<string, Ids> {
    return once(this.#totals, plan, () => this.#stream(plan.input).groupByKey().aggregate(plan.name, gather))
  }

  windows(plan: WindowPlan | SessionPlan): WindowedTable<string, Ids, Ids> {
    return once(this.#windows, plan, () => {
      if (plan.kind === 'session') {
        const grouped = this.#stream(plan.input)
          .groupByKey()
          .window(sessions({ gap: plan.gapMs, grace: plan.graceMs }))
        return grouped.aggregate(plan.name, { ...gather, merge: gather.add, emit: plan.emit })
      }
      const { sizeMs, advanceMs, graceMs: grace } = plan
      const panes = showsClosedOnly(plan)
      const windows =
        sizeMs === advanceMs ? tumbling(sizeMs, { grace }) : hopping(sizeMs, { advance: advanceMs, grace, panes })
      const grouped = this.#stream(plan.input).groupByKey().window(windows)
      return grouped.aggregate(plan.name, { ...gather, ...(panes && { merge: gather.add }), emit: plan.emit })
    })
  }

  #stream(plan: StreamPlan): IdStream {
    return once(this.#streams, plan, () => this.#make(plan))
  }

  #make(plan: StreamPlan): IdStream {
    switch (plan.kind) {
      case 'source': {
        const source = this.#topics.get(plan.topic)
        if (source === undefined) throw new Error(`There is no topic ${plan.topic}`)
        return stream(source).filter(() => {
          this.#work()
          return true
        })
      }
      case 'filter':
        return this.#stream(plan.input).filter((value) => idsHash(value) % 4 !== 0)
      case 'tag':
        return this.#stream(plan.input).mapValues((value) => value.map((id) => `${id}t`), ids)
      case 'copies':
        return this.#stream(plan.input).flatMapValues(
          (value) => ['x', 'y'].slice(0, idsHash(value) % 3).map((copy) => value.map((id) => `${id}${copy}`)),
          ids,
        )
      case 'keyBy':
        return this.#stream(plan.input).keyBy((value) => `h${idsHash(value) % plan.keys}`, string())
      case 'repartition': {
        const { name, partitions } = plan
        if (name === undefined) return this.#stream(plan.input)
        return this.#stream(plan.input).repartition(name, partitions === undefined ? {} : { partitions })
      }
      case 'merge': {
        const [first, ...others] = plan.inputs.map((input) => this.#stream(input))
        if (first === undefined) throw new Error('A merge of nothing')
        return first.merge(...others)
      }
      case 'late':
        return this.windows(plan.table).late()
      case 'results': {
        const { table } = plan
        if (table.kind === 'total') return this.total(table).changes()
        return this.windows(table)
          .changes()
          .keyBy((_value, { key }: Windowed<string>) => key, string())
      }
    }
  }
}

function once<K, V>(known: Map<K, V>, key: K, make: () => V): V {
  let value = known.get(key)
  if (value === undefined) {
    value = make()
    known.set(key, value)
  }
  return value
}
