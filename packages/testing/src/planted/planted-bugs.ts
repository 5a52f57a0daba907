import { OPERATOR_BUGS } from './operator-bugs.ts'
import type { PlantedBug } from './planted-bug.ts'

const LOG = 'packages/connectors/src/file-log'
const RUNTIME = 'packages/runtime/src'

/** The simulated world finds each of them; the production code does not know them. */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: 'commit before flush',
    file: `${LOG}/transactions/file-transactional-writer.ts`,
    from: '...this.#open.map((each) => this.#sync(each, durability))])\n    const written',
    to: '])\n    void durability\n    const written',
  },
  {
    name: 'marker before journal',
    file: `${LOG}/transactions/file-transactional-writer.ts`,
    from: '    await this.#write(producer, decided)\n',
    to: "    await this.#end(producer, 'committed')\n    await this.#write(producer, decided)\n",
    seed: 30,
  },
  {
    name: 'decision not durable',
    file: `${LOG}/transactions/file-transactional-writer.ts`,
    from: "if (durability === 'fsync') await journal.sync()",
    to: '',
  },
  {
    name: 'missing epoch check',
    file: `${LOG}/transactions/file-transactional-writer.ts`,
    from: 'if (this.#journal.isFenced) throw writerFenced(this.transactionalId)',
    to: '',
    seed: 2894,
    troubles: ['pause'],
  },
  {
    name: 'journal written in place',
    file: `${LOG}/transactions/journal.ts`,
    from: 'latest?.at === 0 ? SLOT_BYTES : 0',
    to: '0',
    seed: 111,
  },
  {
    name: 'committed transaction aborted by who finishes it',
    file: `${LOG}/transactions/finisher.ts`,
    from: "committed ? 'committed' : 'aborted'",
    to: "committed ? 'aborted' : 'aborted'",
    seed: 90,
  },
  {
    name: 'gone member not fenced',
    file: `${LOG}/membership/file-membership.ts`,
    from: '    await this.#options.fence(member)\n',
    to: '',
    seed: 128,
  },
  {
    name: 'a stopped member blocks its group',
    file: `${LOG}/versioned-file.ts`,
    from: '  async publish(before: number, text: string, unique: string): Promise<boolean> {\n',
    to: `  async publish(before: number, text: string, unique: string): Promise<boolean> {
    const lock = this.#files.open(\`\${this.#directory}/lock\`, 'write')
    await lock.lock()
    try {
      return await this.#publish(before, text, unique)
    } finally {
      lock.close()
    }
  }

  async #publish(before: number, text: string, unique: string): Promise<boolean> {
`,
    seed: 44,
  },
  {
    name: 'a stopped member blocks a partition',
    file: `${LOG}/partition/partition-files.ts`,
    from: '      return step(look?.() ?? this.currentTail())\n',
    to: `      const result = step(look?.() ?? this.currentTail())
      await this.syncTail()
      return result
`,
    seed: 16,
  },
  {
    name: 'undecided records are read',
    file: `${LOG}/reading/file-partition-reader.ts`,
    from: 'if (this.#outcomes !== undefined && !this.#isDecided()) return undefined',
    to: '',
  },
  {
    name: 'reader stays at the end that it saw first',
    file: `${LOG}/reading/file-partition-reader.ts`,
    from: 'const now = this.#batches.readTail()',
    to: 'const now = this.#batches.tail ?? this.#batches.readTail()',
  },
  {
    name: 'position of the input before is kept in the store',
    file: 'packages/state/src/level-task-state.ts',
    from: 'await this.#write(this.#buffer, { ...position, checkpoint: this.#frozen.checkpoint, described: true })',
    to: `const checkpoint = this.#record.checkpoint.size > 0 ? this.#record.checkpoint : this.#frozen.checkpoint
    await this.#write(this.#buffer, { ...position, checkpoint, described: true })`,
  },
  {
    name: 'aborted records are read',
    file: `${LOG}/reading/file-partition-reader.ts`,
    from: "if (outcome !== undefined) return outcome === 'committed'",
    to: 'if (outcome !== undefined) return true',
  },
  {
    name: 'skipping a bad batch',
    file: `${LOG}/partition/batch-cursor.ts`,
    from: "if (found !== 'end') throw this.damaged(describeDamage(found, scanner))",
    to: `if (found === 'checksum') {
        this.pass(scanner)
        continue
      }
      if (found !== 'end') throw this.damaged(describeDamage(found, scanner))`,
  },
  {
    name: 'files trusted in another boot',
    file: `${LOG}/partition/partition-files.ts`,
    from: 'tail.boot !== bootMark(this.files.boot) || ',
    to: '',
    seed: 371,
  },
  {
    name: 'no directory fsync',
    file: `${LOG}/sync.ts`,
    from: '    await files.syncDirectory(directory)\n',
    to: '    void files\n',
  },
  {
    name: 'checkpoint ahead of what it covers',
    file: `${RUNTIME}/task/input.ts`,
    from: 'const { offset } = this\n',
    to: 'const offset = this.offset + 1\n',
  },
  {
    name: 'checkpoint behind what it covers',
    file: `${RUNTIME}/task/input.ts`,
    from: 'const { offset } = this\n',
    to: 'const offset = Math.max(0, this.offset - 1)\n',
  },
  {
    name: 'store written before the log',
    file: `${RUNTIME}/container/commit.ts`,
    from: '  const secured = Promise.all(',
    to: `  for (const commit of commits) {
    const { nextOffset, checksum } = commit.state.position
    const applied = commit.state.apply(commit.frozen, { nextOffset, checksum: checksum ?? 0 })
    await applied.catch(() => undefined)
    Object.assign(commit, { state: { apply: () => applied } })
  }
  const secured = Promise.all(`,
  },
  {
    name: 'input not durable before its checkpoint',
    file: `${RUNTIME}/task/task.ts`,
    from: 'await Promise.all(this.#inputs.map((input) => input.secure()))',
    to: '',
    troubles: ['power cut'],
    seed: 259,
  },
  {
    name: 'restore ends at what can be read now',
    file: `${RUNTIME}/task/whole-log.ts`,
    from: 'return { start, end: (await reader.assign(topic, partition, start)).endOffset }',
    to: 'return await log.admin.offsets(topic, partition)',
    seed: 791,
  },
  {
    name: 'task given up without a commit',
    file: `${RUNTIME}/container/running-container.ts`,
    from: '      await this.#commitAll()\n      await this.#tasks.close(lost)',
    to: '      await this.#tasks.close(lost)',
    seed: 27,
  },
  {
    name: 'store keeps what was not committed',
    file: 'packages/state/src/level-task-state.ts',
    from: 'new Map([...unchanged, ...checkpoint])',
    to: 'new Map([...checkpoint, ...this.#record.checkpoint])',
  },
  {
    name: 'outputs kept when stores go back',
    file: `${RUNTIME}/container/running-container.ts`,
    from: '    await session.outputs.abort()\n',
    to: '',
    seed: 68,
  },
  {
    name: 'an input is idle some time after the start',
    file: `${RUNTIME}/task/source-input.ts`,
    from: 'if (this.#activeAtMs === undefined || this.hasHead || !this.atEnd || this.offset !== this.#offsetSeen) {',
    to: 'if (this.#activeAtMs === undefined) {',
    job: 'times',
    seed: 184,
  },
  {
    name: "a task's time is not in its checkpoint",
    file: `${RUNTIME}/task/pipeline.ts`,
    from: 'clock: this.#clock.save(),',
    to: 'clock: { ...this.#clock.save(), times: [], steps: [] },',
    job: 'times',
  },
  {
    name: 'closings are not armed if time was unknown',
    file: `${RUNTIME}/operators/time/finals.ts`,
    from: 'emittedBefore === null ? NOT_BEGUN :',
    to: 'emittedBefore === null ? (saved === undefined ? NOT_BEGUN : Number.MAX_SAFE_INTEGER) :',
    job: 'times',
  },
  {
    name: 'a timer is lost in a restore',
    file: `${RUNTIME}/operators/time/finals.ts`,
    from: 'this.#scan = open && this.#store.scan(open.start, open.place)',
    to: 'if (open !== undefined) this.#emittedBefore = open.start + this.#completion.advanceMs',
    job: 'times',
  },
  {
    name: 'an emission is numbered twice',
    file: `${RUNTIME}/operators/time/finals.ts`,
    from: 'time + delayMs, this.outputs)',
    to: 'time + delayMs, 0)',
    job: 'times',
  },
  {
    name: "a record is judged by its task's time",
    file: `${RUNTIME}/operators/aggregates/window-aggregate.ts`,
    from: 'const watermark = judgingWatermark(this.#record, this.#time)',
    to: 'const watermark = this.#time.watermark',
    job: 'times',
  },
  {
    name: 'an input at its end is idle in a batch run',
    file: `${RUNTIME}/task/source-input.ts`,
    from: 'this.#watermark === NO_WATERMARK && Number.isFinite(this.limit)',
    to: 'Number.isFinite(this.limit)',
    job: 'times',
  },
  {
    name: 'upgrade waits for one member only',
    file: 'packages/connectors/src/membership/group-state.ts',
    from: 'const isRunning = members.some(([, member]) => runs(member))',
    to: 'const isRunning = false',
    seed: 41,
  },
  {
    name: 'a standby is promoted with what was not committed',
    file: `${RUNTIME}/standby/standby.ts`,
    from: 'new ChangelogFollower(log, ',
    to: "new ChangelogFollower({ admin: log.admin, openReader: () => log.openReader({ isolation: 'uncommitted' }) }, ",
  },
  {
    name: 'a standby is promoted behind the end',
    file: `${RUNTIME}/task/task.ts`,
    from: 'const restored = await new ChangelogFollower(',
    to: 'const restored = standby !== undefined ? { records: 0, rebuilt: undefined } : await new ChangelogFollower(',
  },
  {
    name: 'two versions own one task',
    file: 'packages/connectors/src/membership/group-state.ts',
    from: 'const isFree = others.length === 0\n',
    to: 'const isFree = others.length === 0 || upgrade\n',
    job: 'node',
    troubles: [],
    seed: 89,
  },
  {
    name: 'a rollback keeps the new state',
    file: `${RUNTIME}/node/deploy-savepoints.ts`,
    from: '[name, meaning, incarnation, removedAt === null] as const',
    to: '[name, meaning === null, incarnation > 0, removedAt === null] as const',
    job: 'node',
    troubles: [],
    seed: 11,
  },
  {
    name: 'a savepoint has its changelog and its positions as of different moments',
    file: `${LOG}/copies/copy-topics.ts`,
    from: 'for (const each of cut.partitions) await copyPartition(target, each)',
    to: `for (const each of cut.partitions) {
      const present = new PartitionFiles(files, data, each.topic.name, each.partition)
      const tail = present.readTail() ?? each.tail
      present.close()
      await copyPartition(target, { ...each, tail })
    }`,
    job: 'node',
    troubles: [],
    seed: 53,
  },
  {
    name: 'a fence is one record short',
    file: `${RUNTIME}/savepoints/make-fence.ts`,
    from: '[partition]: { offset, ...seen, steps } }',
    to: '[partition]: { offset: offset - 1, ...seen, steps } }',
    job: 'node',
    troubles: [],
    seed: 48,
  },
  {
    name: 'a restore is decided and not finished',
    file: `${RUNTIME}/savepoints/restore-savepoint.ts`,
    from: 'if (unfinished !== undefined) await finish(options, unfinished)',
    to: 'if (unfinished !== undefined) await endRestore(options)',
    job: 'node',
    troubles: ['kill'],
    seed: 156,
  },
  {
    name: 'entries of a store are deleted before the catalog has changed',
    file: `${RUNTIME}/catalog/open-catalog.ts`,
    from: '    await replaceCatalog(outputs, topic, record, written, env.clock.now())',
    to: `    await deleteEntries(options, outputs, changelog, obsolete, env.clock.now())
    await replaceCatalog(outputs, topic, record, written, env.clock.now())`,
    job: 'node',
    seed: 384,
  },
  {
    name: 'time does not wait for finals',
    file: `${RUNTIME}/task/event-time.ts`,
    from: 'Math.min(input.watermark, this.#step.pendingFrom)',
    to: 'input.watermark',
    job: 'times',
  },
  ...OPERATOR_BUGS,
]

/** The planted bug of that name. Throws if there is none. */
export function plantedBug(name: string): PlantedBug {
  const bug = PLANTED_BUGS.find((each) => each.name === name)
  if (bug === undefined) throw new Error(`The planted bug "${name}" does not exist`)
  return bug
}
