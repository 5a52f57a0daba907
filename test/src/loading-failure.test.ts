import { expect, test } from 'vitest'
import { run } from './flights/command.ts'

/** A module that makes another one fail when it is loaded, as native code of another system does. */
const breaking = (name: string) =>
  `data:text/javascript,${encodeURIComponent(`
    import { registerHooks } from 'node:module'
    registerHooks({
      resolve(specifier, context, next) {
        if (specifier === '${name}') throw new Error('wrong ELF class\\nRequire stack: …')
        return next(specifier, context)
      },
    })`)}`

test('native code that cannot be loaded is reported in one line with a code and what to do', async () => {
  const env = { NODE_OPTIONS: `--import=${breaking('fs-native-extensions')}` }
  const { code, stdout, stderr } = await run(['doctor'], { env })
  expect(stderr).toMatch(/^LOADING_FAILED: Millrace cannot be loaded with Node .*: wrong ELF class\. Install .*\n$/)
  expect(stdout).toBe('')
  expect(code).toBe(1)
})

test('the doctor reports a LevelDB that cannot be loaded, and checks the rest', async () => {
  const env = { NODE_OPTIONS: `--import=${breaking('level')}` }
  const { code, stdout } = await run(['doctor', '--data', '/nonexistent'], { env })
  expect(stdout).toMatch(/^ {2}problem +Native code: LevelDB cannot be used on .*: wrong ELF class$/m)
  expect(stdout).toMatch(/^ {2}\w+ +Memory: /m)
  expect(code).toBe(6)
})
