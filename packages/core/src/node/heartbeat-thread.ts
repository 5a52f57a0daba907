/** An order to the thread: begin a heartbeat, or, without `begin`, end it. */
export interface HeartbeatOrder {
  readonly id: number
  readonly begin?: { readonly path: string; readonly intervalMs: number }
}

/** What the thread reports: a heartbeat has begun, or, with a reason, has failed. */
export interface HeartbeatReport {
  readonly id: number
  readonly failed?: { readonly message: string; readonly fields: object }
}

/**
 * The thread of `nodeHeartbeats`: it increments counters in files. It is started from this function's text, which costs a
 * third of what loading a module costs. So the function can use nothing from outside it.
 */
export function beatInFiles(): void {
  const { closeSync, openSync, writeSync } = process.getBuiltinModule('node:fs')
  const { parentPort } = process.getBuiltinModule('node:worker_threads')
  const running = new Map<number, () => void>()
  const report = (each: HeartbeatReport) => parentPort?.postMessage(each)

  function begin(id: number, path: string, intervalMs: number): void {
    const bytes = Buffer.alloc(8)
    let fd: number | undefined
    let beats = 0
    const timer = setInterval(() => {
      try {
        fd ??= openSync(path, 'r+')
        bytes.writeDoubleBE(++beats)
        writeSync(fd, bytes, 0, bytes.length, 0)
      } catch (error) {
        const { message, ...fields } = error as NodeJS.ErrnoException
        // The file is not there yet.
        if (fd === undefined && fields.code === 'ENOENT') return
        end(id)
        report({ id, failed: { message, fields } })
      }
    }, intervalMs)
    running.set(id, () => {
      clearInterval(timer)
      if (fd !== undefined) closeSync(fd)
    })
    report({ id })
  }

  function end(id: number): void {
    running.get(id)?.()
    running.delete(id)
  }

  parentPort?.on('message', (order: HeartbeatOrder) => {
    if (order.begin === undefined) end(order.id)
    else begin(order.id, order.begin.path, order.begin.intervalMs)
  })
}
