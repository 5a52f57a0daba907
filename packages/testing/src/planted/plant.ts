import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { PLANTED_BUGS } from './planted-bugs.ts'

/*
 * Plants the bug that the environment variable MILLRACE_PLANTED_BUG names, in every file that is loaded after this module:
 * node --import packages/testing/src/planted/plant.ts …
 */
const name = process.env['MILLRACE_PLANTED_BUG']
const bug = PLANTED_BUGS.find((each) => each.name === name)
if (name !== undefined && bug === undefined) throw new Error(`The planted bug "${name}" does not exist`)
if (bug !== undefined) {
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
