/** What is wrong with the files of a packed package, one sentence each. */
export function packedProblems(paths: readonly string[]): string[] {
  const problems = ['package.json', 'README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts', 'src/index.ts']
    .filter((path) => !paths.includes(path))
    .map((path) => `${path} is missing`)
  for (const path of paths) {
    if (/\.test\.|(^|\/)testing\/|tsbuildinfo|tsconfig/.test(path)) problems.push(`${path} is not for users`)
  }
  return problems
}
