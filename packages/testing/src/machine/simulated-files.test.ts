import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { FileSystem, OpenFile, OpenMode } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Machine } from './machine.ts'

type Step =
  | { readonly call: 'open'; readonly path: string; readonly mode: OpenMode }
  | { readonly call: 'makeDirectory' | 'list' | 'stat' | 'remove' | 'removeTree'; readonly path: string }
  | { readonly call: 'rename'; readonly path: string; readonly to: string }
  | { readonly call: 'read' | 'write'; readonly file: number; readonly length: number; readonly position: number }
  | { readonly call: 'truncate'; readonly file: number; readonly length: number }
  | { readonly call: 'size' | 'tryLock' | 'unlock' | 'close'; readonly file: number }

const path = fc.constantFrom('/a', '/b', '/d', '/d/a', '/d/b', '/d/d', '/d/d/a', '/e', '/e/a', '/none/a')
const file = fc.nat({ max: 3 })
const length = fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 2000 }))

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      call: fc.constant('open' as const),
      path,
      mode: fc.constantFrom<OpenMode>('read', 'write', 'create'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      call: fc.constantFrom(
        'makeDirectory' as const,
        'list' as const,
        'stat' as const,
        'remove' as const,
        'removeTree' as const,
      ),
      path,
    }),
  },
  { weight: 3, arbitrary: fc.record({ call: fc.constant('rename' as const), path, to: path }) },
  {
    weight: 4,
    arbitrary: fc.record({
      call: fc.constantFrom('read' as const, 'write' as const),
      file,
      length,
      position: length,
    }),
  },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('truncate' as const), file, length }) },
  {
    weight: 2,
    arbitrary: fc.record({
      call: fc.constantFrom('size' as const, 'tryLock' as const, 'unlock' as const, 'close' as const),
      file,
    }),
  },
)

/** Does the steps, and returns the result of each, with paths relative to `root`. */
function results(files: FileSystem, root: string, steps: readonly Step[]): unknown[] {
  const open: OpenFile[] = []
  const outcomes: unknown[] = []
  for (const [index, each] of steps.entries()) {
    try {
      outcomes.push(doStep(files, root, each, index, open))
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error
      // Errors of an open file have no path in Node.
      outcomes.push(`${error.code} ${'path' in each && 'path' in error ? `${error.path}`.replace(root, '') : ''}`)
    }
  }
  for (const each of open) each.close()
  return outcomes
}

function doStep(files: FileSystem, root: string, step: Step, index: number, open: OpenFile[]): unknown {
  switch (step.call) {
    case 'open':
      // Node opens a directory for reading, and reports EISDIR only when it is read.
      if (files.stat(root + step.path)?.directory === true && step.mode === 'read') return 'a directory'
      open.push(files.open(root + step.path, step.mode))
      return open.length
    case 'makeDirectory':
    case 'remove':
    case 'removeTree':
      return files[step.call](root + step.path)
    case 'list':
      return files.list(root + step.path)
    case 'stat': {
      const stat = files.stat(root + step.path)
      return stat && { directory: stat.directory, bytes: stat.directory ? 0 : stat.bytes }
    }
    case 'rename':
      return files.rename(root + step.path, root + step.to)
  }
  const file = open[step.file]
  if (file === undefined) return 'none'
  switch (step.call) {
    case 'read': {
      const buffer = Buffer.alloc(step.length)
      return [file.read(buffer, 0, step.length, step.position), buffer.toString('latin1')]
    }
    case 'write':
      return file.write(Buffer.alloc(step.length, index), 0, step.length, step.position)
    case 'truncate':
      return file.truncate(step.length)
    case 'close':
      open.splice(step.file, 1)
      return file.close()
    default:
      return file[step.call]()
  }
}

test('whatever is done with files gives what it gives on a real disk, errors too', () => {
  const root = mkdtempSync(`${tmpdir()}/millrace-model-`)
  const real = nodeEnv().files
  let runs = 0
  try {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
        const below = `${root}/${runs++}`
        real.makeDirectory(below)
        const simulated = new Machine(1).process('a').env.files
        simulated.makeDirectory('/root')
        expect(results(simulated, '/root', steps)).toEqual(results(real, below, steps))
      }),
      { numRuns: 500 },
    )
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})
