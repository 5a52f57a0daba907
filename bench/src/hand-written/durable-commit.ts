import { type State, writeProgress } from './state.ts'
import type { TopicWriter } from './topic-writer.ts'

/** What a commit makes durable. */
export interface CommitParts {
  /** Undefined if the loop has no outputs. */
  readonly output: TopicWriter | undefined
  readonly changelog: TopicWriter
  /** The changes of LevelDB. The changelog has them already. */
  readonly batch: ReturnType<State['batch']>
  /** The key of the checkpoint in the changelog. */
  readonly checkpoint: Buffer
  readonly now: number
  /** Where the loop continues after a crash. */
  readonly progress: Readonly<Record<string, number>>
}

/** Takes what a commit holds. The function that it returns makes it durable: the outputs, then the changelog, then LevelDB. */
export function durableCommit({
  output,
  changelog,
  batch,
  checkpoint,
  now,
  progress,
}: CommitParts): () => Promise<void> {
  changelog.append(now, checkpoint, 0, checkpoint.length, JSON.stringify(progress))
  output?.write()
  return async () => {
    await output?.sync()
    changelog.write()
    await changelog.sync()
    await writeProgress(batch, progress)
  }
}
