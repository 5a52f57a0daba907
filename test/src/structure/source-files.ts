import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { SourceFile } from './parse-module.ts'

export const repository = new URL('../../../', import.meta.url)

/** Every TypeScript file of the packages, jobs, benchmarks and tests. */
export function sourceFiles(): SourceFile[] {
  return filesUnder(['packages', 'jobs', 'bench', 'test'], '.ts')
}

/** Every file with an ending under some folders of the repository, sorted, without built and installed files. */
export function filesUnder(folders: readonly string[], ending: string): SourceFile[] {
  const paths = folders.flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, repository), { recursive: true, encoding: 'utf8' })
      .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
      .filter((path) => path.endsWith(ending) && !/(^|\/)(node_modules|dist|\.[^/]+)\//.test(path)),
  )
  return paths.sort().map((path) => ({ path, text: readFileSync(fileURLToPath(new URL(path, repository)), 'utf8') }))
}
