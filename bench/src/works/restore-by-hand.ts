import { count, immediate, text } from '../child/work.ts'
import { openState } from '../hand-written/state.ts'
import { TopicReader } from '../hand-written/topic-reader.ts'

/**
 * Writes the entries of a changelog into a new LevelDB, as a loop over classic-level does it at its best: chained batches,
 * one after the other.
 */
export default immediate(async (options) => {
  const batchEntries = count(options, 'batchEntries')
  const changelog = new TopicReader(text(options, 'changelog'))
  const state = await openState(`${text(options, 'data')}/state/by-hand`)
  let batch = state.batch()
  while (changelog.nextBatch()) {
    const { bytes } = changelog
    while (changelog.next()) {
      const key = bytes.subarray(changelog.keyStart, changelog.keyEnd)
      if (changelog.valueStart < 0) batch.del(key)
      else batch.put(key, bytes.subarray(changelog.valueStart, changelog.valueEnd))
      if (batch.length < batchEntries) continue
      await batch.write()
      batch = state.batch()
    }
  }
  await batch.write()
  await state.close()
  return changelog.records
})
