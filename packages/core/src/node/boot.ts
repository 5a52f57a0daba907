import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Identifies the machine's present boot; empty if the platform does not report it. */
export function bootId(): string {
  try {
    if (process.platform === 'linux') return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    if (process.platform === 'darwin') {
      return execFileSync('/usr/sbin/sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8' }).trim()
    }
  } catch {
    // A sandbox may hide it. Then what a power cut left is found when it is read, not when it is opened.
  }
  return ''
}
