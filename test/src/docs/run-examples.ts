/**
 * Imports the files of the command line, one after the other, and prints a line of JSON for each: what it printed, and the error that it
 * ended with, or nothing if all is well. One process loads the packages once for all of them.
 */
const files = process.argv.slice(2)
const write = process.stdout.write.bind(process.stdout)
let printed = ''
const keep = (chunk: string | Uint8Array) => {
  printed += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
  return true
}
process.stdout.write = keep
process.stderr.write = keep

for (const file of files) {
  printed = ''
  const error = await import(file).then(
    () => '',
    (reason: unknown) => `${reason instanceof Error ? reason.stack : reason}`,
  )
  write(`${JSON.stringify({ file, output: printed + error })}\n`)
}
process.stdout.write = write
