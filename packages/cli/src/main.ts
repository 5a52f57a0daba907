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
// What stdout could not take is reported a turn later.
process.stdout.write('', () => process.stderr.write('', () => setImmediate(() => process.exit())))
