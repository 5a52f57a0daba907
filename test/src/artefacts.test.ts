import { job, stream, string, topic } from '@millrace/core'
import {
  type Artefact,
  artefactDirectory,
  CODE_FILE,
  listArtefacts,
  MAP_FILE,
  makeArtefact,
  readArtefact,
  removeArtefact,
  writeArtefact,
} from '@millrace/runtime'
import { type Fault, Machine, ProcessCrashed, type SimulatedProcess } from '@millrace/testing'
import { expect, test } from 'vitest'

const DATA = '/data'

const letters = stream(topic('letters', { key: string(), value: string() }))
const [kept, other, gone] = [artefactOf('kept'), artefactOf('other'), artefactOf('gone')]

type Action = (process: SimulatedProcess) => Promise<void>

const ACTIONS: readonly (readonly [what: string, action: Action, there: boolean])[] = [
  ['written', ({ env }) => writeArtefact(env.files, DATA, other), true],
  ['removed', ({ env }) => removeArtefact(env.files, DATA, other.id), false],
]
const FAULTS: readonly (readonly [fault: Fault, cut: boolean, end: string])[] = [
  ['crash', false, 'the process dies before a call'],
  ['torn', false, 'the process dies during a call'],
  ['crash', true, 'the power is cut before a call'],
  ['torn', true, 'the power is cut during a call'],
]

/** How a power cut chooses what is lost depends on the seed. */
const SEEDS = [1, 2, 3, 4, 5]

/**
 * Does something while another artefact is there, and ends it at the given call to the disk. Returns false if there are fewer
 * calls.
 */
async function endedAt(seed: number, call: number, fault: Fault, cut: boolean, action: Action, there: boolean) {
  const machine = new Machine(seed)
  const before = machine.process('before').env.files
  before.makeDirectory(DATA)
  await machine.settle(before.syncDirectory('/'))
  await machine.settle(writeArtefact(before, DATA, kept))
  if (!there) await machine.settle(writeArtefact(before, DATA, other))
  let calls = 0
  machine.faults = (_call, _path, name) => (name === 'ending' && ++calls === call ? fault : undefined)
  const acting = action(machine.process('ending')).catch((error: unknown) => {
    if (!(error instanceof ProcessCrashed)) throw error
  })
  await machine.settle(acting).catch((error: unknown) => {
    // A promise that a dead process waits for is never settled.
    if (calls < call) throw error
  })
  machine.faults = undefined
  const isDone = calls < call
  if (cut || isDone) machine.powerCut()
  const { files } = machine.process('after').env
  const ids = listArtefacts(files, DATA)
  expect(ids).toContain(kept.id)
  if (isDone) expect(ids.includes(other.id)).toBe(there)
  for (const id of ids) expect(readArtefact(files, artefactDirectory(DATA, id)).id).toBe(id)
  await machine.settle(writeArtefact(files, DATA, other))
  expect(readArtefact(files, artefactDirectory(DATA, other.id))).toEqual(other)
  return !isDone
}

for (const [what, action, there] of ACTIONS) {
  for (const [fault, cut, end] of FAULTS) {
    test(`an artefact that is ${what} is there whole or not at all if ${end}`, async () => {
      for (const seed of SEEDS) {
        let call = 1
        while (await endedAt(seed, call, fault, cut, action, there)) call++
        expect(call).toBeGreaterThan(4)
      }
    })
  }
}

test('processes that write and remove artefacts at the same time do not disturb each other', async () => {
  for (let seed = 1; seed <= 50; seed++) {
    const machine = new Machine(seed)
    const { files } = machine.process('first').env
    await machine.settle(writeArtefact(files, DATA, gone))
    const all = [kept, other, other, kept].map((artefact, index) =>
      writeArtefact(machine.process(`writer ${index}`).env.files, DATA, artefact),
    )
    const remover = removeArtefact(machine.process('remover').env.files, DATA, gone.id)
    await machine.settle(Promise.all([...all, remover]))
    expect(listArtefacts(files, DATA)).toEqual([kept.id, other.id].sort())
    for (const artefact of [kept, other]) {
      expect(readArtefact(files, artefactDirectory(DATA, artefact.id))).toEqual(artefact)
    }
  }
})

function artefactOf(code: string): Artefact {
  return makeArtefact(job('letters', letters.toTable('last')), {
    millrace: '0.1.0',
    source: 'job.ts',
    externals: [],
    contents: new Map([
      [CODE_FILE, Buffer.from(code)],
      [MAP_FILE, Buffer.from('{}')],
    ]),
  })
}
