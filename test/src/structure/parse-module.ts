import { parseSync } from 'oxc-parser'
import { fieldOf, isNode, type SyntaxNode } from './syntax-tree.ts'

/** A TypeScript file of this repository: its path from the top, with `/`, and its text. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** The parts of a file that the rules of structure need. */
export interface ParsedModule {
  readonly path: string
  readonly lines: number
  readonly imports: readonly ModuleImport[]
  /** The globals through which it reads the outside world: `Date`, `Math.random`, `setTimeout`, … */
  readonly worldReads: readonly string[]
  /** Variables of type `Record<string, …>` that begin as `{}`: a lookup by name in them may find an inherited property. */
  readonly plainMaps: readonly string[]
}

export interface ModuleImport {
  readonly specifier: string
  /** Erased before the program runs, so it cannot make a cycle at run time. */
  readonly typeOnly: boolean
  readonly exportsAll: boolean
}

/** Parses a file. Throws if it is not TypeScript, since a file that cannot be parsed cannot be checked. */
export function parseModule({ path, text }: SourceFile): ParsedModule {
  const { module, program, errors } = parseSync(path, text)
  const [error] = errors
  if (error !== undefined) throw new Error(`${path}: ${error.message}`)
  const imports: ModuleImport[] = module.staticImports.map(({ moduleRequest, entries }) => ({
    specifier: moduleRequest.value,
    typeOnly: entries.length > 0 && entries.every((entry) => entry.isType),
    exportsAll: false,
  }))
  for (const { entries } of module.staticExports) {
    for (const { moduleRequest, importName, isType } of entries) {
      if (moduleRequest === null) continue
      const exportsAll = importName.kind === 'All' || importName.kind === 'AllButDefault'
      imports.push({ specifier: moduleRequest.value, typeOnly: isType, exportsAll })
    }
  }
  for (const { moduleRequest } of module.dynamicImports) {
    const literal = /^(['"`])(.*)\1$/s.exec(text.slice(moduleRequest.start, moduleRequest.end))
    if (literal?.[2] !== undefined) imports.push({ specifier: literal[2], typeOnly: false, exportsAll: false })
  }
  const found: Found = { worldReads: new Set(), plainMaps: [] }
  visit(program, undefined, found)
  return {
    path,
    lines: text.split('\n').length - 1,
    imports,
    worldReads: [...found.worldReads],
    plainMaps: found.plainMaps,
  }
}

/** The findings of the walk over a syntax tree. */
interface Found {
  readonly worldReads: Set<string>
  readonly plainMaps: string[]
}

const WORLD = ['Date', 'performance', 'setTimeout', 'setInterval', 'setImmediate']

function nameOf(node: unknown): string {
  return isNode(node) && 'name' in node && typeof node.name === 'string' ? node.name : ''
}

function visit(node: SyntaxNode, parent: SyntaxNode | undefined, found: Found): void {
  // A type reads nothing, so `Date` may be used as a type.
  if (node.type === 'TSTypeAnnotation' || node.type === 'TSTypeReference') return
  const name = nameOf(node)
  if (node.type === 'Identifier' && WORLD.includes(name) && !isOnlyAName(node, parent)) found.worldReads.add(name)
  if (node.type === 'MemberExpression' && isMathRandom(node)) found.worldReads.add('Math.random')
  if (node.type === 'VariableDeclarator' && isPlainMap(node)) found.plainMaps.push(nameOf(fieldOf(node, 'id')))
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) visit(child, node, found)
  }
}

/** `o.Date` and `{ Date: 1 }` name a property; they do not read the global. */
function isOnlyAName(node: SyntaxNode, parent: SyntaxNode | undefined): boolean {
  if (parent === undefined || fieldOf(parent, 'computed') === true) return false
  if (parent.type === 'MemberExpression') return fieldOf(parent, 'property') === node
  return fieldOf(parent, 'key') === node && fieldOf(parent, 'shorthand') !== true
}

function isMathRandom(node: SyntaxNode): boolean {
  return nameOf(fieldOf(node, 'object')) === 'Math' && nameOf(fieldOf(node, 'property')) === 'random'
}

/** `const a: Record<string, T> = {}`. */
function isPlainMap(declarator: SyntaxNode): boolean {
  const id = fieldOf(declarator, 'id')
  const init = fieldOf(declarator, 'init')
  const annotation = isNode(id) ? fieldOf(id, 'typeAnnotation') : undefined
  const type = isNode(annotation) ? fieldOf(annotation, 'typeAnnotation') : undefined
  if (!isNode(init) || init.type !== 'ObjectExpression' || !isNode(type)) return false
  const properties = fieldOf(init, 'properties')
  return Array.isArray(properties) && properties.length === 0 && nameOf(fieldOf(type, 'typeName')) === 'Record'
}
