import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { SUMMING_JOB, UserFolder } from './command/job-files.ts'
import { run } from './flights/command.ts'

const COMMAND = fileURLToPath(new URL('../../packages/cli/bin/millrace.js', import.meta.url))

interface Case {
  readonly what: string
  /** The job file's name, `job.ts` if it is not given; its folder is made if it has no content. */
  readonly name?: string
  readonly content?: string
  readonly check?: true
  readonly message: RegExp
}

const CASES: readonly Case[] = [
  {
    what: 'a job file that is a directory',
    name: 'jobs.ts',
    message: /jobs\.ts is a directory\. Give the path of a job file\n$/,
  },
  {
    what: 'a module in a file that is named as CommonJS, in TypeScript',
    name: 'job.cts',
    content: SUMMING_JOB,
    message: /a job is an ES module.*Name it job\.mts\n$/,
  },
  {
    what: 'a module in a file that is named as CommonJS, in JavaScript',
    name: 'job.cjs',
    content: SUMMING_JOB,
    message: /a job is an ES module.*Name it job\.mjs\n$/,
  },
  {
    what: 'an import without its extension',
    content: `import './a'\n${SUMMING_JOB}`,
    message: /Write '\.\/a\.ts'\. Node needs the exact name of a file\n$/,
  },
  {
    what: 'an import by the name of the built file',
    content: `import './a.js'\n${SUMMING_JOB}`,
    check: true,
    message: /Write '\.\/a\.ts'\. Node/,
  },
  {
    what: 'an import of a folder',
    content: `import './lib'\n${SUMMING_JOB}`,
    message: /Write '\.\/lib\/index\.ts'\. Node/,
  },
  {
    what: 'an import in another file, from where its path goes',
    content: `import './b.ts'\n${SUMMING_JOB}`,
    message: /Write '\.\/a\.ts'\. Node/,
  },
  {
    what: 'an import of a file that is not there',
    content: `import './nothing.ts'\n${SUMMING_JOB}`,
    message: /Cannot find module '.*nothing\.ts' imported from .*job\.ts\. Check the path\n$/,
  },
  {
    what: 'an import of a package that is not installed',
    content: `import 'not-installed-here'\n${SUMMING_JOB}`,
    message: /Cannot find package 'not-installed-here' .*Install it in the project of the job file\n$/,
  },
  {
    what: 'a type that is imported as a value',
    content: `import { A } from './a.ts'\n${SUMMING_JOB}\nexport const a: A = 1\n`,
    check: true,
    message: /an export named 'A'.*If A is a type, import it with "import type"/,
  },
  {
    what: 'an enum',
    content: `enum A { b }\n${SUMMING_JOB}`,
    message: /enum is not supported.*Node runs TypeScript by removing the types/,
  },
  {
    what: 'a job file that ends the process',
    content: `process.exit(0)\n${SUMMING_JOB}`,
    message: /job\.ts ends the process while it is loaded, with exit code 0\. A job file only exports a job\n$/,
  },
  {
    what: 'type errors of a job file that never finishes loading',
    content: `setInterval(() => {}, 1000)\nawait new Promise(() => {})\nnothing()\n${SUMMING_JOB}`,
    check: true,
    message: /does not pass the type check:.*TS2304/s,
  },
]

test.concurrent.each(CASES)(
  'reports $what',
  { timeout: 60_000 },
  async ({ name = 'job.ts', content, check, message }) => {
    using folder = new UserFolder()
    folder.write('a.ts', 'export type A = number\n')
    folder.write('b.ts', "import './a.js'\n")
    folder.directory('lib')
    writeFileSync(join(folder.path, 'lib/index.ts'), '')
    if (content === undefined) folder.directory(name)
    else folder.write(name, content)
    const args = ['run', name, '--data', folder.data, ...(check ? [] : ['--no-check'])]
    const { code, stderr } = await run(args, { cwd: folder.path })
    expect(stderr).toMatch(/^JOB_FILE_BROKEN: /m)
    expect(stderr).toMatch(message)
    expect(code).toBe(5)
  },
)

test.skipIf(process.platform === 'win32').each(['SIGINT', 'SIGTERM'] as const)(
  'the first %s ends a command whose job file never finishes loading',
  { timeout: 60_000 },
  async (signal) => {
    using folder = new UserFolder()
    const job = folder.write(
      'job.ts',
      "setInterval(() => {}, 1000)\nconsole.log('loading')\nawait new Promise(() => {})\n",
    )
    const child = spawn(process.execPath, [COMMAND, 'run', job, '--no-check', '--data', folder.data])
    const ended = once(child, 'close')
    let stderr = ''
    child.stderr.on('data', (text) => {
      stderr += text
    })
    await once(child.stdout, 'data')
    child.kill(signal)
    expect(await ended).toEqual([0, null])
    expect(stderr).toBe('')
  },
)
