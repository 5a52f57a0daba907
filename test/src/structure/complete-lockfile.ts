/**
 * Fixes `package-lock.json` after `npm install` (`npm run lock`). `lockfile.ts` explains what it changes and why.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { completedLockfile, lockfileProblems } from './lockfile.ts'

const path = new URL('../../../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(path, 'utf8'))
const problems = lockfileProblems(lock)
writeFileSync(path, `${JSON.stringify(completedLockfile(lock), null, 2)}\n`)
console.log(`package-lock.json: fixed ${problems.length} problems`)
