import type { FileSystem, Heartbeats, OpenFile, Timer, Timers } from './contracts/env.ts'

/**
 * Heartbeats by the timers of an environment. They are for an environment whose processes are simulated, or whose timers a
 * test stops to stop a process. In a real process a callback would delay them.
 */
export function timerHeartbeats(timers: Timers, files: FileSystem): Heartbeats {
  return {
    start: async (path, intervalMs, failed) => {
      let file: OpenFile | undefined
      let timer: Timer
      let beats = 0
      const beat = () => {
        timer = timers.after(intervalMs, beat)
        try {
          if (file === undefined && files.stat(path) === undefined) return
          file ??= files.open(path, 'write')
          const bytes = Buffer.alloc(8)
          bytes.writeDoubleBE(++beats)
          file.write(bytes, 0, bytes.length, 0)
        } catch (error) {
          timer.cancel()
          failed(error)
        }
      }
      timer = timers.after(intervalMs, beat)
      return {
        stop: () => {
          timer.cancel()
          file?.close()
        },
      }
    },
  }
}
