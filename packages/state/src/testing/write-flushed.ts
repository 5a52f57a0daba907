import { CommitBuffer } from '../commit-buffer.ts'
import type { Database } from '../database.ts'

/** Writes to LevelDB what an index has to write. */
export async function writeFlushed(index: { flush(buffer: CommitBuffer): void }, database: Database): Promise<void> {
  const buffer = new CommitBuffer()
  index.flush(buffer)
  const batch = database.level.batch()
  buffer.addTo(batch)
  await database.write(batch)
}
