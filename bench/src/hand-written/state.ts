import { Level } from 'level'

const POSITION_KEY = Buffer.from('\0position')

export type State = Level<Buffer, Buffer>

export async function openState(directory: string): Promise<State> {
  const state: State = new Level(directory, { keyEncoding: 'buffer', valueEncoding: 'buffer', compression: false })
  await state.open()
  return state
}

/** The input position up to which the state holds; 0 if it is new. */
export function readPosition(state: State): number {
  const position = state.getSync(POSITION_KEY)
  return position === undefined ? 0 : JSON.parse(position.toString()).offset
}

/** Adds to a commit's batch where the loop continues after it, and writes the batch. */
export async function writeProgress(
  batch: ReturnType<State['batch']>,
  progress: Readonly<Record<string, number>>,
): Promise<void> {
  await batch.put(POSITION_KEY, Buffer.from(JSON.stringify(progress))).write()
}
