import type { FileSystem } from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { ProcessCrashed } from './disk-error.ts'
import { Machine } from './machine.ts'

const SEEDS = 300

type Act = (files: FileSystem, machine: Machine) => Promise<void>

function put(files: FileSystem, path: string, text: string, position = 0): void {
  const file = files.open(path, 'write')
  file.write(Buffer.from(text), 0, text.length, position)
  file.close()
}

async function sync(files: FileSystem, path: string): Promise<void> {
  const file = files.open(path, 'write')
  await file.sync()
  file.close()
}

function get(files: FileSystem, path: string): string | undefined {
  if (files.stat(path) === undefined) return undefined
  const file = files.open(path, 'read')
  const bytes = Buffer.alloc(file.size())
  file.read(bytes, 0, bytes.length, 0)
  file.close()
  return bytes.toString()
}

/** Every outcome that `look` saw after a power cut, over many seeds. */
async function outcomes(act: Act, look: (files: FileSystem) => unknown): Promise<Set<string>> {
  const seen = new Set<string>()
  for (let seed = 0; seed < SEEDS; seed++) {
    const machine = new Machine(seed)
    await machine.settle(act(machine.process('a').env.files, machine))
    machine.powerCut()
    seen.add(JSON.stringify(look(machine.process('a').env.files)) ?? 'nothing')
  }
  return seen
}

function sorted(seen: Set<string>): string[] {
  return [...seen].sort()
}

describe('a power cut', () => {
  test('leaves what was synced, name and content', async () => {
    const seen = await outcomes(
      async (files) => {
        put(files, '/file', 'synced')
        await sync(files, '/file')
        await files.syncDirectory('/')
      },
      (files) => get(files, '/file'),
    )
    expect(sorted(seen)).toEqual(['"synced"'])
  })

  test('may take a synced file whose name was not synced', async () => {
    const seen = await outcomes(
      async (files) => {
        put(files, '/file', 'synced')
        await sync(files, '/file')
      },
      (files) => get(files, '/file'),
    )
    expect(sorted(seen)).toEqual(['"synced"', 'nothing'])
  })

  test('may take content, length or both of a write, and the length alone shows zeros', async () => {
    const seen = await outcomes(
      async (files) => {
        put(files, '/file', 'old')
        await sync(files, '/file')
        await files.syncDirectory('/')
        put(files, '/file', 'newer')
      },
      (files) => get(files, '/file'),
    )
    expect(sorted(seen)).toEqual(['"new"', '"newer"', '"old"', '"old\\u0000\\u0000"'])
  })

  test('takes sectors one by one, and of each a state that it had', async () => {
    const seen = await outcomes(
      async (files) => {
        put(files, '/file', '.'.repeat(1024))
        await sync(files, '/file')
        await files.syncDirectory('/')
        put(files, '/file', 'a', 0)
        put(files, '/file', 'b', 1)
        put(files, '/file', 'c', 1023)
      },
      (files) => {
        const text = get(files, '/file') ?? ''
        return text.slice(0, 2) + text.slice(-1)
      },
    )
    expect(sorted(seen)).toEqual(['"..."', '"..c"', '"a.."', '"a.c"', '"ab."', '"abc"'])
  })

  test('shows nothing again that was cut off before the file grew', async () => {
    const seen = await outcomes(
      async (files) => {
        put(files, '/file', 'secret')
        await sync(files, '/file')
        await files.syncDirectory('/')
        const file = files.open('/file', 'write')
        file.truncate(1)
        file.truncate(6)
        await file.sync()
      },
      (files) => get(files, '/file'),
    )
    expect(sorted(seen)).toEqual(['"s\\u0000\\u0000\\u0000\\u0000\\u0000"'])
  })

  test('leaves of a renamed file the old name or the new', async () => {
    const seen = await outcomes(
      async (files) => {
        put(files, '/from', 'new')
        put(files, '/to', 'old')
        await sync(files, '/from')
        await sync(files, '/to')
        await files.syncDirectory('/')
        files.rename('/from', '/to')
      },
      (files) => [files.list('/'), get(files, '/to')],
    )
    expect(sorted(seen)).toEqual(['[["from","to"],"old"]', '[["to"],"new"]'])
  })

  test('may take a directory that was synced, where its own name was not', async () => {
    const seen = await outcomes(
      async (files) => {
        files.makeDirectory('/directory')
        put(files, '/directory/file', 'synced')
        await sync(files, '/directory/file')
        await files.syncDirectory('/directory')
      },
      (files) => get(files, '/directory/file'),
    )
    expect(sorted(seen)).toEqual(['"synced"', 'nothing'])
  })

  test('takes changes of one name from the last one on', async () => {
    const seen = await outcomes(
      async (files) => {
        put(files, '/file', 'first')
        await sync(files, '/file')
        files.remove('/file')
        put(files, '/file', 'second')
        await sync(files, '/file')
      },
      (files) => get(files, '/file'),
    )
    expect(sorted(seen)).toEqual(['"first"', '"second"', 'nothing'])
  })

  test('may lose what a sync that had not ended would have kept', async () => {
    const seen = await outcomes(
      async (files) => {
        put(files, '/file', 'old')
        await sync(files, '/file')
        await files.syncDirectory('/')
        put(files, '/file', 'new')
        sync(files, '/file')
      },
      (files) => get(files, '/file'),
    )
    expect(sorted(seen)).toEqual(['"new"', '"old"'])
  })
})

test('a sync makes durable what was written before it was requested, and promises no more', async () => {
  const seen = await outcomes(
    async (files) => {
      put(files, '/file', 'old')
      await files.syncDirectory('/')
      const synced = sync(files, '/file')
      put(files, '/file', 'new')
      await synced
    },
    (files) => get(files, '/file'),
  )
  expect(sorted(seen)).toEqual(['"new"', '"old"'])
})

test('a sync makes nothing older of what another made durable meanwhile', async () => {
  const seen = await outcomes(
    async (files) => {
      await files.syncDirectory('/')
      const syncs: Promise<void>[] = []
      for (const text of ['1', '2', '3', '4', '5', '6', '7', '8', '9']) {
        put(files, '/file', text)
        syncs.push(sync(files, '/file'))
      }
      await Promise.all(syncs)
      await files.syncDirectory('/')
    },
    (files) => get(files, '/file'),
  )
  expect(sorted(seen)).toEqual(['"9"'])
})

test('the death of a process loses nothing of what it wrote', async () => {
  const machine = new Machine(1)
  const a = machine.process('a')
  put(a.env.files, '/file', 'unsynced')
  a.crash()
  expect(get(machine.process('a').env.files, '/file')).toBe('unsynced')
})

test('a file stays readable to a process that has it open after it was renamed, removed, or lost with its disk', () => {
  const machine = new Machine(1)
  const { files } = machine.process('a').env
  files.makeDirectory('/directory')
  put(files, '/directory/file', 'content')
  const file = files.open('/directory/file', 'read')
  const bytes = Buffer.alloc(7)
  files.rename('/directory/file', '/directory/other')
  expect(file.read(bytes, 0, 7, 0)).toBe(7)
  machine.disk.wipe('/directory')
  expect(files.stat('/directory')).toBeUndefined()
  expect(file.read(bytes, 0, 7, 0)).toBe(7)
  machine.powerCut()
  expect(machine.process('a').env.files.stat('/directory')).toBeUndefined()
})

test('a linked file stays under its second name when the first is removed', () => {
  const machine = new Machine(1)
  const { files } = machine.process('a').env
  files.makeDirectory('/directory')
  put(files, '/directory/file', 'content')
  files.link('/directory/file', '/directory/other')
  expect(() => files.link('/directory/file', '/directory/other')).toThrow(expect.objectContaining({ code: 'EEXIST' }))
  expect(() => files.link('/directory', '/linked')).toThrow(expect.objectContaining({ code: 'EPERM' }))
  expect(() => files.link('/directory/missing', '/linked')).toThrow(expect.objectContaining({ code: 'ENOENT' }))
  files.remove('/directory/file')
  expect(files.stat('/directory/other')?.bytes).toBe(7)
})

describe('a fault', () => {
  test('is requested before each call, and fails the call with its code', async () => {
    const machine = new Machine(1)
    const { files } = machine.process('a').env
    const calls: string[] = []
    machine.faults = (call, path, process) => {
      calls.push(`${process} ${call} ${path}`)
      return call === 'rename' ? 'EIO' : undefined
    }
    files.makeDirectory('/d')
    put(files, '/d/file', 'x')
    expect(() => files.rename('/d/file', '/d/other')).toThrow(expect.objectContaining({ code: 'EIO' }))
    files.removeTree('/d')
    await machine.settle(files.syncDirectory('/'))
    expect(calls).toEqual([
      'a makeDirectory /d',
      'a open /d/file',
      'a write /d/file',
      'a rename /d/file',
      'a remove /d/file',
      'a remove /d',
      'a syncDirectory /',
    ])
  })

  test('of a write leaves a part of it, from its start', () => {
    const lengths = new Set<number>()
    for (let seed = 0; seed < 50; seed++) {
      const machine = new Machine(seed)
      const { files } = machine.process('a').env
      machine.faults = (call) => (call === 'write' ? 'ENOSPC' : undefined)
      expect(() => put(files, '/file', '123')).toThrow(expect.objectContaining({ code: 'ENOSPC' }))
      const left = get(files, '/file') ?? ''
      expect('123'.startsWith(left)).toBe(true)
      lengths.add(left.length)
    }
    expect([...lengths].sort()).toEqual([0, 1, 2, 3])
  })

  test('of a sync may make the kernel forget: the next sync succeeds, and the bytes are not on the disk', async () => {
    const seen = await outcomes(
      async (files, machine) => {
        await sync(files, '/file')
        await files.syncDirectory('/')
        put(files, '/file', 'written')
        machine.faults = (call) => (call === 'sync' ? 'EIO' : undefined)
        await expect(sync(files, '/file')).rejects.toMatchObject({ code: 'EIO' })
        machine.faults = undefined
        await sync(files, '/file')
        expect(get(files, '/file')).toBe('written')
      },
      (files) => get(files, '/file'),
    )
    expect(sorted(seen)).toEqual(['""', '"written"'])
  })

  test('of a sync is reported once to each process that has the file open, and to none that opens it later', async () => {
    const machine = new Machine(1)
    const [a, b] = [machine.process('a').env.files, machine.process('b').env.files]
    const [first, second] = [a.open('/file', 'write'), b.open('/file', 'write')]
    machine.faults = (call) => (call === 'sync' ? 'EIO' : undefined)
    await expect(machine.settle(first.sync())).rejects.toMatchObject({ code: 'EIO' })
    machine.faults = undefined
    const third = b.open('/file', 'write')
    await machine.settle(third.sync())
    await expect(machine.settle(second.sync())).rejects.toMatchObject({ code: 'EIO' })
    for (const file of [first, second, third]) await machine.settle(file.sync())
  })

  test.each(['crash', 'torn'] as const)('%s ends the process in the call', (fault) => {
    const machine = new Machine(1)
    const a = machine.process('a')
    put(a.env.files, '/file', 'x')
    machine.faults = (call) => (call === 'remove' ? fault : undefined)
    expect(() => a.env.files.remove('/file')).toThrow(ProcessCrashed)
    expect(a.state).toBe('crashed')
    machine.faults = undefined
    expect(get(machine.process('a').env.files, '/file')).toBe(fault === 'torn' ? undefined : 'x')
  })
})
