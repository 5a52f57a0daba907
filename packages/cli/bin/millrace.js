#!/usr/bin/env node
import './check-node.js'
import { existsSync } from 'node:fs'
import module from 'node:module'

// Half of what starting costs is compiling: Node keeps the result in the system's folder for temporary files.
module.enableCompileCache()

// An installed package has `src` too (its source maps point there), but never a tsconfig.json.
if (existsSync(new URL('../tsconfig.json', import.meta.url))) {
  import('./use-source.js').then(() => import('../src/main.ts'))
} else {
  import('../dist/main.js')
}
