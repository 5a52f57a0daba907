const FILES = ['package.json', 'README.md', 'LICENSE']

/** By entry point and condition, the files that a package exports. */
export type Exports = Readonly<Record<string, Readonly<Record<string, string>>>>

/** The problems of the files of a packed package with these exports, one sentence each. */
export function packedProblems(paths: readonly string[], exports: Exports): string[] {
  const exported = Object.values(exports).flatMap((targets) => Object.values(targets))
  const problems = [...FILES, ...exported.map((path) => path.replace(/^\.\//, ''))]
    .filter((path) => !paths.includes(path))
    .map((path) => `${path} is missing`)
  for (const path of paths) {
    if (/\.test\.|(^|\/)testing\/|tsbuildinfo|tsconfig/.test(path)) problems.push(`${path} is not for users`)
  }
  return problems
}
