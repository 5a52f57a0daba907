import { defineConfig } from 'vitest/config'

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
    environment: 'node',
    execArgv: ['--conditions=millrace-source'],
  },
})
