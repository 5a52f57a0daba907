/** A node of a syntax tree. A walk needs only its kind, and looks at its fields one by one. */
export interface SyntaxNode {
  readonly type: string
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}

export function fieldOf(node: SyntaxNode, name: string): unknown {
  return Object.entries(node).find(([field]) => field === name)?.[1]
}
