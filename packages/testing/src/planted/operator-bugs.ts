import type { PlantedBug } from './planted-bug.ts'

const RUNTIME = 'packages/runtime/src'

/** Those of single operators, whose worlds compare each table and stream with what it is by its definition. */
export const OPERATOR_BUGS: readonly PlantedBug[] = [
  {
    name: "a record of a join is judged by its task's time",
    file: `${RUNTIME}/operators/time/late-records.ts`,
    from: 'return judgingWatermark(record, time) > timestamp + graceMs',
    to: 'return time.watermark > timestamp + graceMs',
    job: 'joins',
  },
  {
    name: 'a partner is deleted before its time',
    file: 'packages/core/src/dsl/join-nodes.ts',
    from: '(unmatched[0] ? afterMs : 0)',
    to: '0',
    job: 'joins',
  },
  {
    name: 'a record has no partner before the grace is over',
    file: `${RUNTIME}/operators/joins/stream-join.ts`,
    from: 'delayMs: afterMs + graceMs + 1',
    to: 'delayMs: afterMs + 1',
    job: 'joins',
  },
  {
    name: 'a record takes the place of another one of its key and time',
    file: `${RUNTIME}/operators/free-entry.ts`,
    from: 'if (first.value === undefined) return first',
    to: 'return first',
    job: 'joins',
  },
  {
    name: 'a row is read before the changes of its time',
    file: `${RUNTIME}/operators/joins/as-of-join.ts`,
    from: 'drivenInOrder(recordsPlan.name, graceMs,',
    to: 'drivenInOrder(recordsPlan.name, graceMs - 1,',
    job: 'joins',
  },
  {
    name: 'a row that leaves a top N is not taken out if another one comes in',
    file: `${RUNTIME}/operators/tables/rank-rows.ts`,
    from: '      this.#send(group, { first: key, second: null }, timestamp)',
    to: '      if (other === undefined) this.#send(group, { first: key, second: null }, timestamp)',
    job: 'tables',
  },
  {
    name: 'an older joined row takes the place of a newer one',
    file: `${RUNTIME}/operators/joins/foreign-rows.ts`,
    from: "const isNew = move !== 'leaves' && version >= before.version",
    to: "const isNew = move !== 'leaves'",
    job: 'tables',
  },
  {
    name: 'a joined row stays when its row refers to nothing any more',
    file: `${RUNTIME}/operators/joins/foreign-keys.ts`,
    from: 'if (from !== undefined) this.#send(from,',
    to: 'if (from !== undefined && (to !== undefined || value === null)) this.#send(from,',
    job: 'tables',
  },
  {
    name: 'a row stays in the group that it has left',
    file: `${RUNTIME}/operators/tables/table-group-by.ts`,
    from: 'if (from !== undefined) this.#send(from,',
    to: 'if (from !== undefined && to === undefined) this.#send(from,',
    job: 'tables',
  },
  {
    name: 'a total changes after it was passed on',
    file: `${RUNTIME}/operators/aggregates/fold.ts`,
    from: 'const copier = copied ? new TotalCopier(value) : undefined',
    to: 'const copier = copied && stores.length < 2 ? new TotalCopier(value) : undefined',
    job: 'tables',
  },
  {
    name: 'a global table is not followed after the start',
    file: `${RUNTIME}/task/global-tables.ts`,
    from: 'if (this.#readsSeen === reads) return undefined',
    to: 'if (this.#caughtUp || this.#readsSeen === reads) return undefined',
    job: 'tables',
  },
]
