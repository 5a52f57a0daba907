import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { configDefaults, defineConfig } from 'vitest/config'

// What a person does with commands, from beginning to end: each of these files starts dozens of processes.
const everything = process.env['CI'] !== undefined || process.env['MILLRACE_TESTS'] === 'all'

export default defineConfig({
  resolve: { conditions: ['millrace-source'] },
  ssr: { resolve: { conditions: ['millrace-source'] } },
  test: {
    include: [
      'packages/*/src/**/*.test.ts',
      'jobs/*/src/**/*.test.ts',
      'test/src/**/*.test.ts',
      'bench/src/**/*.test.ts',
    ],
    exclude: everything ? configDefaults.exclude : [...configDefaults.exclude, '**/*.long.test.ts'],
    environment: 'node',
    execArgv: ['--conditions=millrace-source'],
    // For the processes that tests start: a start then costs half.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/millrace-tests', import.meta.url)) },
    // Each worker is a process, which runs one file after the other and keeps the modules that it has loaded: loading them for each
    // file would take half of the time. Tests therefore leave nothing behind, and replace no module.
    pool: 'forks',
    isolate: false,
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
    // Many of them wait, for the disk or for another process: two more at a time than there are cores. Those of commands start
    // processes that keep all cores busy.
    maxWorkers: availableParallelism() + (everything ? 0 : 2),
    // No test waits for time to pass; this only ends one that hangs, on a machine that is busy with other things too.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: ['default', './test/src/closing-report.ts'],
  },
})
