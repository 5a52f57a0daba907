import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Names the machine's present boot; empty where the platform does not tell. */
export function bootId(): string {
  try {
    if (process.platform === 'linux') return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    if (process.platform === 'darwin') {
      return execFileSync('/usr/sbin/sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8' }).trim()
    }
  } catch {
    // A sandbox may hide it: then what a power cut left is found by those who read it, not by those who open it.
  }
  return ''
}
