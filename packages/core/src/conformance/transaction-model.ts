import assert from 'node:assert/strict'
import type { Log, PartitionReader } from '../contracts/log.ts'
import type { PartitionWriter, TransactionalWriter } from '../contracts/writers.ts'
import { recordsIn, rejects, values } from './expectations.ts'
import type { LogTests } from './log-tests.ts'
import { type ReadRecord, readAll, write } from './records.ts'
import { type Choices, seededChoices } from './seeded-choices.ts'

const SEEDS = 12
const STEPS = 60
const PARTITIONS = [0, 1, 2]
const TRANSACTIONAL_IDS = ['a', 'b', 'c']

interface ModelTransaction {
  outcome: 'open' | 'committed' | 'aborted'
}

/** A record as the model has it; without a transaction it is decided from the start. */
interface ModelRecord {
  readonly partition: number
  readonly value: string
  readonly transaction: ModelTransaction | undefined
}

/** Random appends, commits, aborts and fences of several writers, compared with what the contract promises. */
export function transactionModelConformance({ test, factory }: LogTests): void {
  for (let seed = 1; seed <= SEEDS; seed++) {
    test(`whatever several writers do, readers find what a model says (seed ${seed})`, async (log) => {
      await log.admin.createTopic('t', { partitions: PARTITIONS.length, segmentBytes: 2048 })
      const other = await factory.again(log)
      const choices = seededChoices(seed)
      const model = new Model()
      const logs = [log, other]
      const actors = [
        ...logs.map((each) => new PlainActor(each, model)),
        ...TRANSACTIONAL_IDS.map((id, index) => new TransactionalActor(id, logs, index, model)),
      ]
      const readers: Follower[] = []
      for (const each of logs) for (const partition of PARTITIONS) readers.push(await Follower.open(each, partition))
      for (const actor of actors) await actor.open()
      for (let step = 0; step < STEPS; step++) {
        await choices.pick(actors).act(choices)
        const partition = choices.pick(PARTITIONS)
        for (const reader of readers) if (reader.partition === partition) await reader.check(model)
      }
      for (const actor of actors) await actor.finish()
      for (const reader of readers) await reader.check(model)
      for (const partition of PARTITIONS) {
        const records = await recordsIn(log, partition)
        assert.deepEqual(values(records), model.committed(partition))
        const from = choices.below((records.at(-1)?.offset ?? 0) + 2)
        assert.deepEqual(
          await recordsIn(other, partition, 'committed', from),
          records.filter(({ offset }) => offset >= from),
        )
      }
      await other.close()
    })
  }
}

/** Every partition as a list of records, in the order in which they came into the log. */
class Model {
  readonly #records: ModelRecord[] = []
  /** Aborted before they were flushed: the log chooses whether it has them. */
  readonly #unflushed = new Set<string>()
  #count = 0

  newValue(): string {
    return `v${this.#count++}`
  }

  flushed(records: ModelRecord[]): void {
    this.#records.push(...records.splice(0))
  }

  givenUp(records: ModelRecord[]): void {
    for (const { value } of records.splice(0)) this.#unflushed.add(value)
  }

  /** What readers of committed records find. */
  committed(partition: number): string[] {
    const records = this.#of(partition)
    const undecided = this.#firstUndecided(records)
    return records
      .slice(0, undecided === undefined ? undefined : records.indexOf(undecided))
      .filter(({ transaction }) => transaction?.outcome !== 'aborted')
      .map(({ value }) => value)
  }

  /** What is certainly in the log. */
  all(partition: number): string[] {
    return this.#of(partition).map(({ value }) => value)
  }

  undecided(partition: number): string | undefined {
    return this.#firstUndecided(this.#of(partition))?.value
  }

  isCertain({ value }: ReadRecord): boolean {
    return value === null || !this.#unflushed.has(value)
  }

  #of(partition: number): ModelRecord[] {
    return this.#records.filter((record) => record.partition === partition)
  }

  #firstUndecided(records: readonly ModelRecord[]): ModelRecord | undefined {
    return records.find(({ transaction }) => transaction?.outcome === 'open')
  }
}

/** What all actors share: partitions to append to, and what was appended and not flushed. */
abstract class Actor {
  protected readonly model: Model
  protected readonly pending: ModelRecord[] = []
  protected partitions: readonly PartitionWriter[] = []

  constructor(model: Model) {
    this.model = model
  }

  abstract open(): Promise<void>
  abstract act(choices: Choices): Promise<void>
  /** Decides and flushes everything. */
  abstract finish(): Promise<void>

  protected append(choices: Choices, transaction: ModelTransaction | undefined): void {
    for (let count = choices.below(4); count >= 0; count--) {
      const writer = choices.pick(this.partitions)
      const value = this.model.newValue()
      write(writer, choices.chance(0.9) ? 'k' : null, value)
      this.pending.push({ partition: writer.partition, value, transaction })
    }
  }
}

class PlainActor extends Actor {
  readonly #writer: ReturnType<Log['openWriter']>

  constructor(log: Log, model: Model) {
    super(model)
    this.#writer = log.openWriter()
  }

  async open(): Promise<void> {
    this.partitions = await Promise.all(PARTITIONS.map((partition) => this.#writer.openPartition('t', partition)))
  }

  async act(choices: Choices): Promise<void> {
    this.append(choices, undefined)
    if (choices.chance(0.7)) await this.finish()
  }

  async finish(): Promise<void> {
    await this.#writer.flush()
    this.model.flushed(this.pending)
  }
}

class TransactionalActor extends Actor {
  readonly #id: string
  readonly #logs: readonly Log[]
  #owner: number
  #writer: TransactionalWriter | undefined
  #transaction: ModelTransaction = { outcome: 'open' }

  constructor(id: string, logs: readonly Log[], owner: number, model: Model) {
    super(model)
    this.#id = id
    this.#logs = logs
    this.#owner = owner
  }

  async open(): Promise<void> {
    const writer = await this.#logs[this.#owner++ % this.#logs.length]?.openTransactionalWriter(this.#id)
    if (writer === undefined) throw new Error('There is no log')
    this.partitions = await Promise.all(PARTITIONS.map((partition) => writer.openPartition('t', partition)))
    this.#writer = writer
  }

  async act(choices: Choices): Promise<void> {
    this.append(choices, this.#transaction)
    const what = choices.below(20)
    if (what < 6) await this.#flush()
    else if (what < 10) await this.#commit()
    else if (what < 13) await this.#commit(choices)
    else if (what < 16) await this.#abort()
    else if (what < 18) await this.#fence()
  }

  async finish(): Promise<void> {
    await this.#commit()
    await this.#writer?.close()
  }

  async #flush(): Promise<void> {
    await this.#writer?.flush()
    this.model.flushed(this.pending)
  }

  /** With choices, more is appended while the commit is on its way. */
  async #commit(choices?: Choices): Promise<void> {
    const committed = this.#transaction
    const committing = this.#writer?.commit([])
    this.model.flushed(this.pending)
    this.#transaction = { outcome: 'open' }
    if (choices !== undefined) this.append(choices, this.#transaction)
    await committing
    committed.outcome = 'committed'
    await this.#flush()
  }

  async #abort(): Promise<void> {
    await this.#writer?.abort()
    this.#giveUp()
  }

  async #fence(): Promise<void> {
    const fenced = this.#writer
    await this.open()
    this.#giveUp()
    if (fenced !== undefined) await rejects('WRITER_FENCED', fenced.flush())
  }

  #giveUp(): void {
    this.#transaction.outcome = 'aborted'
    this.#transaction = { outcome: 'open' }
    this.model.givenUp(this.pending)
  }
}

/** Follows a partition in both isolations from its start. */
class Follower {
  readonly partition: number
  readonly #log: Log
  readonly #committed: PartitionReader
  readonly #all: PartitionReader
  readonly #seenCommitted: ReadRecord[] = []
  readonly #seenAll: ReadRecord[] = []

  private constructor(log: Log, committed: PartitionReader, all: PartitionReader) {
    this.partition = committed.partition
    this.#log = log
    this.#committed = committed
    this.#all = all
  }

  static async open(log: Log, partition: number): Promise<Follower> {
    const committed = await log.openReader().assign('t', partition, 0)
    return new Follower(log, committed, await log.openReader({ isolation: 'uncommitted' }).assign('t', partition, 0))
  }

  async check(model: Model): Promise<void> {
    this.#seenCommitted.push(...readAll(this.#committed))
    this.#seenAll.push(...readAll(this.#all))
    assert.deepEqual(values(this.#seenCommitted), model.committed(this.partition))
    const certain = this.#seenAll.filter((record) => model.isCertain(record))
    assert.deepEqual(values(certain), model.all(this.partition))
    const { end } = await this.#log.admin.offsets('t', this.partition)
    const undecided = model.undecided(this.partition)
    const expected = certain.find(({ value }) => value === undecided)?.offset
    if (undecided === undefined) assert.equal(end, this.#all.endOffset)
    else assert.equal(end, expected)
    assert.equal(this.#committed.endOffset, end)
    assert.equal(this.#committed.position, end)
  }
}
