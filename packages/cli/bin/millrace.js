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
  import('./use-source.js').then(() => import('../src/main.ts'))
} else {
  import('../dist/main.js')
}
