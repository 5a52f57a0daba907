#!/usr/bin/env node
import './check-node.js'
import { existsSync } from 'node:fs'
import module from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

// Half of what starting costs is compiling, so Node keeps the result: in a folder of this user's. In the system's folder for temporary
// files another user could have made the place first, and put code of his there.
const home = homedir()
if (existsSync(home)) module.enableCompileCache(join(home, '.cache', 'millrace'))

// An installed package has `src` too (its source maps point there), but never a tsconfig.json.
if (existsSync(new URL('../tsconfig.json', import.meta.url))) {
  import('./use-source.js').then(() => import('../src/main.ts')).catch(reportLoading)
} else {
  import('../dist/main.js').catch(reportLoading)
}

// Only loading fails here, since the command reports its own errors: native code of another system, or a package that is missing.
// docs/errors.md documents the code.
function reportLoading(error) {
  const [reason] = String(error instanceof Error ? error.message : error).split('\n')
  const place = `Node ${process.versions.node} on ${process.platform}-${process.arch}`
  process.stderr.write(
    `LOADING_FAILED: Millrace cannot be loaded with ${place}: ${reason}. Install its packages again on this machine ("npm ci")\n`,
  )
  if (process.env.MILLRACE_DEBUG) process.stderr.write(`${error?.stack}\n`)
  process.exitCode = 1
}
