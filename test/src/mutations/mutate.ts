import { parseArgs } from 'node:util'
import { startVitest, type TestCase } from 'vitest/node'
import { sourceFiles } from '../structure/source-files.ts'
import { LIMITS } from './limits.ts'
import { isMutated, limitMutations, limitSites, type MutationSite, refusalSites } from './mutation-sites.ts'
import { MUTATION_VARIABLE, type Mutation, plantedText } from './planted-text.ts'
import { REFUSALS } from './refusals.ts'

/*
 * Removes one named limit or one refusal at a time, and runs the tests that are listed for it: each must fail.
 *   npm run mutate                            every limit and every refusal
 *   npm run mutate -- runtime/INPUT_LOST …    those whose names contain one of the words
 */

/** Replaces an error's code: a test that reaches the refusal expects the code. */
const NO_CODE = "'NONE'"

interface PlannedMutation {
  readonly name: string
  readonly mutation: Mutation
  readonly tests: readonly string[]
}

function plannedMutations(words: readonly string[]): PlannedMutation[] {
  const files = sourceFiles().filter(isMutated)
  const wanted = ({ name }: MutationSite) => words.length === 0 || words.some((word) => name.includes(word))
  const limits = files.flatMap(limitSites).filter(wanted)
  const refusals = files.flatMap(refusalSites).filter(wanted)
  return [
    ...limits.flatMap((site) => {
      const limit = LIMITS[site.name]
      if (limit === undefined) return []
      return limitMutations(site, limit, files).map((mutation) => ({ name: site.name, mutation, tests: limit.tests }))
    }),
    ...refusals.map((site) => ({
      name: site.name,
      mutation: { ...site, by: NO_CODE },
      tests: REFUSALS[site.name] ?? [],
    })),
  ]
}

/** The names of the tests that fail with a mutation, or without one. Throws if a file of tests cannot be run. */
async function failingTests(tests: readonly string[], mutation: Mutation | undefined): Promise<string[]> {
  if (mutation === undefined) delete process.env[MUTATION_VARIABLE]
  else process.env[MUTATION_VARIABLE] = JSON.stringify(mutation)
  const paths = tests.map((test) => test.replace(/#.*$/, ''))
  const names = tests.flatMap((test) => /#(.*)$/.exec(test)?.[1] ?? [])
  const vitest = await startVitest(
    'test',
    paths,
    // Transformed files must not come from the cache of other runs, or get into it.
    {
      watch: false,
      reporters: [{}],
      bail: mutation === undefined ? 0 : 1,
      fsModuleCache: false,
      ...(names.length > 0 && { testNamePattern: names.join('|') }),
    },
    {
      plugins: [
        { name: 'millrace-mutation', enforce: 'pre', transform: (_, id) => plantedText(id.replace(/\?.*$/, '')) },
      ],
    },
  )
  const modules = vitest.state.getTestModules()
  const failed = modules.flatMap((module) => Array.from(module.children.allTests('failed'), failureOf))
  const broken = modules.flatMap((module) => module.errors())
  const missing = paths.filter((test) => !modules.some(({ moduleId }) => moduleId.endsWith(test)))
  await vitest.close()
  process.exitCode = 0
  if (missing.length > 0) throw new Error(`${missing.join(', ')} was not run`)
  if (failed.length === 0 && broken[0] !== undefined) throw new Error(broken[0].message)
  return failed
}

/** A failed test, and the first line of its reason. */
function failureOf(test: TestCase): string {
  const [reason = ''] = test.result().errors?.[0]?.message.split('\n') ?? []
  return `${test.fullName} (${reason})`
}

async function main(): Promise<number> {
  const { positionals } = parseArgs({ allowPositionals: true })
  const mutations = plannedMutations(positionals)
  process.env['NODE_OPTIONS'] = `--import=${new URL('plant-mutation.ts', import.meta.url)}`
  const redAnyway = new Map<string, readonly string[]>()
  let unproven = 0
  for (const { name, mutation, tests } of mutations) {
    const key = tests.join()
    const red = redAnyway.get(key) ?? (await failingTests(tests, undefined))
    redAnyway.set(key, red)
    const failed = red.length > 0 ? [] : await failingTests(tests, mutation)
    if (failed.length === 0) unproven++
    const outcome = red.length > 0 ? `FAILS WITHOUT A MUTATION: ${red[0]}` : (failed[0] ?? 'NO TEST FAILS')
    process.stdout.write(`${name} (${mutation.path}): ${outcome}\n`)
  }
  process.stdout.write(`${mutations.length} mutations, ${unproven} that no test was seen to notice\n`)
  return unproven === 0 ? 0 : 1
}

process.exit(await main())
