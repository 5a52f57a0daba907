/**
 * Packs every package as it would be published, and uses the archives in projects outside of the repository, with the oldest and
 * the newest Node that they support: `npm run published`. It needs the registry, so it is a step of CI and not a test.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packAll } from './pack-all.ts'
import { run } from './run.ts'
import { type PackageManager, UserProject } from './user-project.ts'

/** The first release of the oldest line that `engines` allows, and the newest release. */
const PROJECTS: readonly (readonly [PackageManager, string])[] = [
  ['npm', '22.22.0'],
  ['pnpm', '26.12.1'],
]
const PNPM = 'pnpm@12.21.0'

const folder = mkdtempSync(join(tmpdir(), 'millrace-published-'))
try {
  const tools = join(folder, 'tools')
  mkdirSync(tools)
  run('npm', ['install', '--prefix', tools, '--no-save', '--no-audit', '--no-fund', '--loglevel=error', PNPM], {
    cwd: tools,
  })
  const packages = packAll(folder)
  for (const [manager, node] of PROJECTS) {
    const project = new UserProject(join(folder, manager), manager, node, tools)
    project.install(packages)
    project.importAll(packages)
    await project.followGuide()
    project.bundle()
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
