import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']

/** The Chromium of this machine: `MILLRACE_CHROMIUM`, or the first on the path; undefined if there is none. */
export function chromiumCommand(): string | undefined {
  const chosen = process.env['MILLRACE_CHROMIUM']
  const names = chosen === undefined ? NAMES : [chosen]
  return names.find((name) => spawnSync(name, ['--version']).status === 0)
}

/** Opens a page in a Chromium without a window, and closes it once `until` is settled. */
export async function openPage<T>(command: string, url: string, until: Promise<T>): Promise<T> {
  const profile = mkdtempSync(join(tmpdir(), 'millrace-chromium-'))
  const quiet = [
    '--disable-gpu',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
  ]
  // Its sandbox does not work for root.
  const flags = ['--headless', '--no-sandbox', '--disable-dev-shm-usage', `--user-data-dir=${profile}`, ...quiet]
  const browser = spawn(command, [...flags, url], { stdio: ['ignore', 'ignore', 'pipe'] })
  let chunk = ''
  browser.stderr.on('data', (text) => {
    chunk += text
  })
  const exited = once(browser, 'exit')
  try {
    return await Promise.race([
      until,
      exited.then(() => {
        throw new Error(`${command} ended before the page had done its work: ${chunk}`)
      }),
    ])
  } finally {
    browser.kill()
    await exited
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  }
}
