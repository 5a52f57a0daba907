import { parseSync } from 'oxc-parser'
import type { SourceFile } from './parse-module.ts'
import { fieldOf, isNode, type SyntaxNode } from './syntax-tree.ts'

/** A text that a user of Millrace may read: the literal, and its line, counted from 1. Expressions in it are `…`. */
export interface Message {
  readonly line: number
  readonly text: string
}

/** A message with the class or function that makes its error. */
export interface ErrorMessage extends Message {
  readonly made: string
}

/** The messages of the errors that a file makes with `new …Error(…)`, or with one of these functions. */
export function errorMessages({ path, text }: SourceFile, factories: ReadonlySet<string>): ErrorMessage[] {
  const found: ErrorMessage[] = []
  walk(parseSync(path, text).program, (node) => {
    const callee = fieldOf(node, 'callee')
    const name = isNode(callee) ? String(fieldOf(callee, 'name') ?? '') : ''
    const throws = node.type === 'NewExpression' ? name.endsWith('Error') : factories.has(name)
    if (!throws) return
    const given = nodesIn(fieldOf(node, 'arguments'))
    const message = given.find((argument) => isText(argument) && /\s/.test(textOf(argument)))
    if (message !== undefined) found.push({ line: lineOf(text, message), made: name, text: textOf(message) })
  })
  return found
}

/** Every literal of a file that is prose: at least two words. */
export function proseLiterals({ path, text }: SourceFile): Message[] {
  const found: Message[] = []
  walk(parseSync(path, text).program, (node) => {
    if (!isText(node)) return
    const prose = textOf(node)
    if (/[a-z]{2}.*\s.*[a-z]{2}/s.test(prose)) found.push({ line: lineOf(text, node), text: prose })
  })
  return found
}

/** The titles of the tests in a file. */
export function testTitles({ path, text }: SourceFile): Message[] {
  const found: Message[] = []
  walk(parseSync(path, text).program, (node) => {
    if (node.type !== 'CallExpression' || !/^(?:test|describe|it|shared)$/.test(calledName(node))) return
    const [title] = nodesIn(fieldOf(node, 'arguments'))
    if (title !== undefined && isText(title)) found.push({ line: lineOf(text, title), text: textOf(title) })
  })
  return found
}

/** The names in a file: of variables, functions, classes, fields and types. */
export function namesIn({ path, text }: SourceFile): string[] {
  const names = new Set<string>()
  walkAll(parseSync(path, text).program, (node) => {
    const name = fieldOf(node, 'name')
    if (/^(?:Private)?Identifier$/.test(node.type) && typeof name === 'string') names.add(name)
  })
  return [...names]
}

/** The name at the start of a call: `test` in `test(…)`, `test.each([…])(…)` and `test.concurrent(…)`. */
function calledName(node: SyntaxNode): string {
  let callee: unknown = node
  while (isNode(callee)) {
    if (callee.type === 'CallExpression' || callee.type === 'TaggedTemplateExpression') {
      callee = fieldOf(callee, 'callee') ?? fieldOf(callee, 'tag')
    } else if (callee.type === 'MemberExpression') callee = fieldOf(callee, 'object')
    else return String(fieldOf(callee, 'name') ?? '')
  }
  return ''
}

function nodesIn(value: unknown): SyntaxNode[] {
  return Array.isArray(value) ? value.filter(isNode) : []
}

/** Visits all nodes but imports and types: their texts are not for a reader. */
function walk(node: SyntaxNode, visit: (node: SyntaxNode) => void): void {
  walkAll(node, visit, ({ type }) => type.startsWith('TSType') || type === 'ImportDeclaration')
}

function walkAll(
  node: SyntaxNode,
  visit: (node: SyntaxNode) => void,
  isSkipped: (node: SyntaxNode) => boolean = () => false,
): void {
  if (isSkipped(node)) return
  visit(node)
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) walkAll(child, visit, isSkipped)
  }
}

/** Whether a node is a literal text, a template, or a sum of them. */
function isText(node: SyntaxNode): boolean {
  if (node.type === 'Literal') return typeof fieldOf(node, 'value') === 'string'
  if (node.type === 'BinaryExpression') {
    const left = fieldOf(node, 'left')
    return fieldOf(node, 'operator') === '+' && isNode(left) && isText(left)
  }
  return node.type === 'TemplateLiteral'
}

function textOf(node: SyntaxNode): string {
  if (node.type === 'Literal') return String(fieldOf(node, 'value'))
  if (node.type === 'TemplateLiteral') {
    return nodesIn(fieldOf(node, 'quasis'))
      .map((quasi) => {
        const value = fieldOf(quasi, 'value')
        return typeof value === 'object' && value !== null && 'cooked' in value ? String(value.cooked) : ''
      })
      .join('…')
  }
  if (node.type !== 'BinaryExpression') return '…'
  return [fieldOf(node, 'left'), fieldOf(node, 'right')].map((side) => (isNode(side) ? textOf(side) : '')).join('')
}

function lineOf(text: string, node: SyntaxNode): number {
  const start = fieldOf(node, 'start')
  return text.slice(0, typeof start === 'number' ? start : 0).split('\n').length
}
