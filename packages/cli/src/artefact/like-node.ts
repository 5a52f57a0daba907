import type { BuildOptions, TransformOptions } from 'esbuild'

/**
 * How esbuild reads modules as Node does: no settings of a tsconfig.json apply, no import is removed because its names look
 * unused, and no syntax is changed, except that types are removed.
 */
export const LIKE_NODE = {
  target: 'esnext',
  tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true, useDefineForClassFields: true } },
  charset: 'utf8',
  sourcesContent: false,
  logLevel: 'silent',
  logLimit: 0,
} as const satisfies TransformOptions

/** The conditions of packages' `exports` that Node uses. In this repository, packages are read as TypeScript, as they are run. */
const CONDITIONS = ['node', 'module-sync', 'node-addons']
const SOURCE_CONDITIONS = import.meta.url.endsWith('.ts') ? ['millrace-source'] : []

/** How esbuild bundles as Node runs: it finds the files that Node finds, and keeps what packages only claim to be unused. */
export const BUNDLE_LIKE_NODE = {
  ...LIKE_NODE,
  bundle: true,
  write: false,
  format: 'esm',
  platform: 'node',
  metafile: true,
  conditions: [...CONDITIONS, ...SOURCE_CONDITIONS],
  mainFields: ['main'],
  resolveExtensions: ['.js', '.json', '.node'],
  ignoreAnnotations: true,
  legalComments: 'inline',
} as const satisfies BuildOptions
