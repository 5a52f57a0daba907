import { program } from './program.ts'
import { reportError } from './report-error.ts'
import { processIo } from './terminal/process-io.ts'

const io = processIo()
try {
  await program(io).parseAsync(process.argv)
} catch (error) {
  process.exitCode = reportError(io, error)
}
// A pending read of stdin or a connection kept alive must not hold a command that is done.
await Promise.all([written(process.stdout), written(process.stderr)])
// What stdout could not take is reported a turn later.
setImmediate(() => process.exit())

/** Resolves once a stream has passed on what it was given. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    // Another write, of nothing, would fail where the disk is full, and nothing was to be written.
    if (stream.writableLength === 0) resolve()
    else stream.write('', () => resolve())
  })
}
