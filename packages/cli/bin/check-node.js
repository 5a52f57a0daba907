// Imported first by every entry point, and written so that an old Node (12 or later reads modules) can say why it stops.
// The version is that of `engines` in package.json; docs/errors.md documents the exit code, 3.
const oldest = [22, 22]
const [major, minor] = process.versions.node.split('.').map(Number)

if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
  const found = `${process.execPath} is ${process.versions.node}`
  process.stderr.write(
    `NODE_TOO_OLD: Millrace needs Node ${oldest.join('.')} or later, and ${found}. Install a newer Node, or run the command with one that you have\n`,
  )
  process.exit(3)
}
