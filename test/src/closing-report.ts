import type { Reporter, TestCase, TestModule } from 'vitest/node'

/**
 * Ends the output of `npm test` with the skipped tests and the reasons, so that no skip is overlooked, and with one plain line of
 * counts. A file that cannot be loaded, or an error outside of any test, counts as a failure.
 */
export default class ClosingReport implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const skipped = tests.filter((test) => test.result().state === 'skipped')
    for (const test of skipped) console.log(`skipped: ${test.fullName} (${reasonOf(test)})`)
    const passed = tests.filter((test) => test.result().state === 'passed').length
    const unfinished = tests.length - passed - skipped.length
    const broken = modules.filter((module) => module.errors().length > 0).length + unhandledErrors.length
    const counts = [`${passed} passed`, `${unfinished + broken} failed`]
    if (skipped.length > 0) counts.push(`${skipped.length} skipped`)
    console.log(counts.join(', '))
  }
}

function reasonOf(test: TestCase): string {
  const result = test.result()
  return result.state === 'skipped' && result.note !== undefined ? result.note : 'no reason given'
}
