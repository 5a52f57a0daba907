import { resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Command } from 'commander'
import { type DataOptions, dataOption } from '../data-option.ts'
import type { Io } from '../terminal/io.ts'
import { findNode } from './find-node.ts'

/** How often the node that ends is checked. */
const LOOK_MS = 50

export function downCommand(io: Io): Command {
  return new Command('down')
    .description('Ends the node: its containers commit and end. The jobs stay deployed, and the next node starts them.')
    .addOption(dataOption())
    .action(async ({ data }: DataOptions) => {
      const { pid } = await (await findNode(data)).about()
      process.kill(pid, 'SIGTERM')
      while (isAlive(pid)) await setTimeout(LOOK_MS)
      io.stderr.write(`The node of ${resolve(data)} has ended\n`)
    })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
