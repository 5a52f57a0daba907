import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { plantedBug } from './planted-bugs.ts'

/*
 * Plants the bug that the environment variable MILLRACE_PLANTED_BUG names, in every file that is loaded after this module:
 * node --import packages/testing/src/planted/plant.ts …
 */
const name = process.env['MILLRACE_PLANTED_BUG']
if (name !== undefined) {
  const bug = plantedBug(name)
  const target = new URL(`../../../../${bug.file}`, import.meta.url)
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context)
      if (url !== target.href) return loaded
      const source = readFileSync(fileURLToPath(target), 'utf8')
      if (source.split(bug.from).length !== 2) throw new Error(`"${bug.from}" does not stand in ${bug.file} once`)
      return { ...loaded, source: source.replace(bug.from, () => bug.to) }
    },
  })
}
