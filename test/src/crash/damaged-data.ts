import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { ErrorCode } from '@millrace/core'
import { runJob, ScratchDirectory, startJob } from './job-process.ts'

/** The kinds of files in a data directory, and the refusals that damage to one justifies. */
export interface FileKind {
  readonly name: string
  readonly files: RegExp
  /** Codes that are right after a bit of such a file was flipped. Without such a code the data must be unchanged. */
  readonly flipped: readonly ErrorCode[]
  /** Codes that are right after such a file was deleted. */
  readonly deleted: readonly ErrorCode[]
}

export const FILE_KINDS: readonly FileKind[] = [
  { name: 'segment', files: /^topics\/.*\.log$/, flipped: ['LOG_DAMAGED'], deleted: ['LOG_DAMAGED'] },
  { name: 'index', files: /^topics\/.*\.index$/, flipped: [], deleted: [] },
  { name: 'tail', files: /\/tail$/, flipped: [], deleted: [] },
  {
    name: 'topic description',
    files: /\/topic\.json$/,
    flipped: ['LOG_DAMAGED'],
    deleted: ['TOPIC_MISSING', 'LOG_DAMAGED', 'LOG_PARTS_DIFFER'],
  },
  { name: 'data version', files: /^millrace\.json$/, flipped: ['DATA_VERSION'], deleted: [] },
  {
    name: 'journal',
    files: /^transactions\/[^.]/,
    flipped: ['LOG_DAMAGED', 'LOG_PARTS_DIFFER'],
    deleted: ['LOG_DAMAGED', 'LOG_PARTS_DIFFER'],
  },
  {
    name: 'closed writers',
    files: /^transactions\/\.closed-writers\.\d+\.json$/,
    flipped: ['LOG_DAMAGED'],
    deleted: ['LOG_PARTS_DIFFER'],
  },
  { name: 'group', files: /^jobs\/.*\.json$/, flipped: [], deleted: [] },
  {
    name: 'lock',
    files: /^(jobs\/.*(lock|members\/.*)|transactions\/\.backup|.*\/cleaner)$/,
    flipped: [],
    deleted: [],
  },
  // A cache of the changelog: the job repairs it without a person's help.
  { name: 'state', files: /^state\//, flipped: [], deleted: [] },
  // What a process was writing when it died: whichever writes there next begins again.
  {
    name: 'unfinished file',
    files: /^(topics|transactions|jobs)\/(.*\/)?(compacting|\.[^/]+)$/,
    flipped: [],
    deleted: [],
  },
]

export function kindOf(path: string): FileKind {
  const kind = FILE_KINDS.find(({ files }) => files.test(path))
  if (kind === undefined) throw new Error(`What ${path} is for is not known: say what its damage may lead to`)
  return kind
}

/** How many orders are acknowledged in the data that is damaged. */
export const DAMAGED_ORDERS = 40

/** Data of a job that has ended. */
export async function finishedData(): Promise<ScratchDirectory> {
  const data = new ScratchDirectory()
  const { code, output } = await runJob(data.path, { orders: DAMAGED_ORDERS })
  if (code !== 0) throw new Error(output)
  return data
}

/** Data of a job that was killed during its last transactions: with a journal, and a member that does not run any more. */
export async function abandonedData(): Promise<ScratchDirectory> {
  for (;;) {
    const data = new ScratchDirectory()
    const { child, end } = startJob(data.path, { orders: DAMAGED_ORDERS })
    let acknowledged = false
    child.stdout?.on('data', (chunk) => {
      acknowledged ||= `${chunk}`.includes(`acknowledged ${DAMAGED_ORDERS}`)
    })
    const looking = setInterval(() => {
      if (acknowledged && hasJournal(data.path)) child.kill('SIGKILL')
    }, 1)
    const { signal } = await end
    clearInterval(looking)
    if (signal === 'SIGKILL' && hasJournal(data.path)) return data
    // The job ended before the journal was seen.
    data[Symbol.dispose]()
  }
}

/** Whether a journal has content at this moment. */
function hasJournal(directory: string): boolean {
  const transactions = join(directory, 'transactions')
  if (!existsSync(transactions)) return false
  return readdirSync(transactions).some((name) => {
    try {
      return kindOf(`transactions/${name}`).name === 'journal' && bitsOf(join(transactions, name)).length > 0
    } catch (error) {
      // The journal was removed after the directory was listed.
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
      throw error
    }
  })
}

/** The names of all files below a directory. */
export function readFiles(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort()
}

/** A copy of data with damage to one of its files. */
export function damagedCopy(data: ScratchDirectory, file: string, damage: (path: string) => void): ScratchDirectory {
  const copy = new ScratchDirectory()
  cpSync(data.path, copy.path, { recursive: true })
  damage(join(copy.path, file))
  return copy
}

/** The bits of a file that have a meaning: those of blocks that hold more than zeros. */
export function bitsOf(path: string): number[] {
  const bytes = readFileSync(path)
  const bits: number[] = []
  for (let block = 0; block < bytes.length; block += 512) {
    const end = Math.min(block + 512, bytes.length)
    if (bytes.subarray(block, end).every((byte) => byte === 0)) continue
    for (let bit = block * 8; bit < end * 8; bit++) bits.push(bit)
  }
  return bits
}

export function flipBit(path: string, bit: number): void {
  const bytes = readFileSync(path)
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  writeFileSync(path, bytes)
}
