import { program } from './program.ts'
import { reportError } from './report-error.ts'
import { processIo } from './terminal/process-io.ts'

const io = processIo()
try {
  await program(io).parseAsync(process.argv)
} catch (error) {
  process.exitCode = reportError(io, error)
}
// A pending read of stdin or an open connection must not keep the process alive after the command is done.
await Promise.all([written(process.stdout), written(process.stderr)])
// A failed write to stdout is reported one turn of the event loop later.
setImmediate(() => process.exit())

/** Resolves when a stream has passed on everything that was written to it. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    // If nothing is to be written, an empty write would be useless, and it would fail if the disk is full.
    if (stream.writableLength === 0) resolve()
    else stream.write('', () => resolve())
  })
}
