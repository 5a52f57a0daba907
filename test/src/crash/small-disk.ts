import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { ScratchDirectory } from './job-process.ts'

const IMAGE = '128M'
const ENVIRONMENT = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` }

/** What this machine lacks to cut the power of a disk; undefined if nothing is missing. */
export function missingForPowerCuts(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'root on Linux'
  const tools = ['mkfs.ext4', 'xfs_io', 'mount', 'umount']
  return tools.find((tool) => {
    try {
      command('sh', '-c', `command -v ${tool}`)
      return false
    } catch {
      return true
    }
  })
}

/** Whether the kernel can use files as disks. */
export function hasLoopDevices(): boolean {
  return existsSync('/dev/loop-control') && existsSync('/dev/loop0')
}

/** A separate disk, an ext4 in a file, whose power can be cut. Data that was not synced is then lost. */
export class SmallDisk implements Disposable {
  readonly path: string
  readonly #scratch = new ScratchDirectory()

  constructor() {
    this.path = `${this.#scratch.path}/mounted`
    mkdirSync(this.path)
    command('truncate', '-s', IMAGE, this.#image)
    command('mkfs.ext4', '-q', '-F', this.#image)
    this.#mount()
  }

  /**
   * From now on, data that was not synced cannot reach the disk. A process with open files here must be stopped before, and
   * killed after.
   */
  cutPower(): void {
    command('xfs_io', '-x', '-c', 'shutdown', this.path)
  }

  /** Mounts the disk again, as when the machine restarts. */
  restorePower(): void {
    command('umount', this.path)
    this.#mount()
  }

  [Symbol.dispose](): void {
    command('umount', '-l', this.path)
    this.#scratch[Symbol.dispose]()
  }

  get #image(): string {
    return `${this.#scratch.path}/disk`
  }

  #mount(): void {
    command('mount', '-o', 'loop', this.#image, this.path)
  }
}

function command(program: string, ...args: string[]): void {
  execFileSync(program, args, { env: ENVIRONMENT, stdio: 'pipe' })
}
