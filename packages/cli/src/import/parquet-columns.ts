import type { FileMetaData, SchemaElement, SchemaTree } from 'hyparquet'
import { badInput } from '../input-error.ts'
import { isText, type ValueReader, valueReader } from './parquet-value.ts'

/** A column at the top of a parquet file's schema. */
export interface ParquetColumn {
  readonly name: string
  /** The value as JSON; throws `BAD_INPUT`. */
  readonly json: (value: unknown) => string
  /** How its plain values are read; undefined for lists, maps and groups. */
  readonly value: ValueReader | undefined
  /** Whether every row must have a value. */
  readonly required: boolean
}

/** The columns of a file. Throws `BAD_INPUT` for an invalid schema. */
export function parquetColumns(schema: SchemaTree, file: string): ParquetColumn[] {
  return schema.children.map((tree) => {
    const isPlain = tree.children.length === 0 && tree.element.repetition_type !== 'REPEATED'
    const value = isPlain ? valueReader(tree.element) : undefined
    const name = tree.element.name
    return { name, json: fieldJson(tree, file), value, required: tree.element.repetition_type === 'REQUIRED' }
  })
}

/**
 * The metadata with a schema that only states how values are stored, and which of them are text (the text of a dictionary is
 * then decoded once). With it the library returns the values as they are stored. This module decides what lists, maps,
 * decimals and times become.
 */
export function physicalMetadata(metadata: FileMetaData): FileMetaData {
  const schema = metadata.schema.map((element): SchemaElement => {
    const { converted_type: _, logical_type: __, ...physical } = element
    return isText(element) ? { ...physical, converted_type: 'UTF8' } : physical
  })
  return { ...metadata, schema }
}

type ToJson = (value: unknown) => string

function fieldJson(tree: SchemaTree, file: string): ToJson {
  const json = tree.children.length === 0 ? valueReader(tree.element).json : groupJson(tree, file)
  if (tree.element.repetition_type === 'REPEATED') return arrayOf(elementJson(tree, file))
  return (value) => (value === null || value === undefined ? 'null' : json(value))
}

/** As `fieldJson` for one element of a repeated field. */
function elementJson(tree: SchemaTree, file: string): ToJson {
  const json = tree.children.length === 0 ? valueReader(tree.element).json : groupJson(tree, file)
  return (value) => (value === null || value === undefined ? 'null' : json(value))
}

function groupJson(tree: SchemaTree, file: string): ToJson {
  const { converted_type: converted, logical_type: logical } = tree.element
  if (logical?.type === 'VARIANT')
    throw badInput(`${file}: column ${pathText(tree)} has the type VARIANT, which cannot be imported`)
  if (tree.children.some(({ element }) => element.name === '__proto__')) {
    throw badInput(`${file}: column ${pathText(tree)} has a field __proto__, which cannot be imported`)
  }
  const [repeated] = tree.children
  if (tree.children.length === 1 && repeated?.element.repetition_type === 'REPEATED') {
    if (converted === 'LIST' || logical?.type === 'LIST') return listJson(tree, repeated, file)
    const isMap = converted === 'MAP' || converted === 'MAP_KEY_VALUE' || logical?.type === 'MAP'
    if (isMap && repeated.children.length === 2) return mapJson(repeated, file)
    // A map without values is the list of its keys.
    if (isMap && repeated.children.length === 1) return listJson(tree, repeated, file)
  }
  return structJson(tree, file)
}

function structJson(tree: SchemaTree, file: string): ToJson {
  const fields = tree.children.map((child) => ({
    name: child.element.name,
    prefix: `${JSON.stringify(child.element.name)}:`,
    json: fieldJson(child, file),
  }))
  return (value) => `{${fields.map(({ name, prefix, json }) => prefix + json(fieldOf(value, name))).join(',')}}`
}

/** A list, by the rules of the format for the different ways in which writers have stored lists. */
function listJson(tree: SchemaTree, repeated: SchemaTree, file: string): ToJson {
  const { name } = repeated.element
  const [element, ...others] = repeated.children
  const isWrapped =
    element !== undefined &&
    others.length === 0 &&
    element.element.repetition_type !== 'REPEATED' &&
    name !== 'array' &&
    name !== `${tree.element.name}_tuple`
  if (!isWrapped) return (value) => arrayOf(elementJson(repeated, file))(fieldOf(value, name))
  const inner = fieldJson(element, file)
  return (value) => arrayOf((wrapped) => inner(fieldOf(wrapped, element.element.name)))(fieldOf(value, name))
}

/** A map as an object. Its keys are texts. A key that occurs twice is refused, because a value would be lost. */
function mapJson(repeated: SchemaTree, file: string): ToJson {
  const [key, value] = repeated.children
  if (key === undefined || value === undefined) throw badInput(`${file}: column ${pathText(repeated)} is not a map`)
  const keyJson = fieldJson(key, file)
  const valueJson = fieldJson(value, file)
  return (map) => {
    const names = new Set<string>()
    const entries = listOf(fieldOf(map, repeated.element.name)).map((entry) => {
      const json = keyJson(fieldOf(entry, key.element.name))
      const name = json.startsWith('"') ? json : JSON.stringify(json)
      if (names.has(name))
        throw badInput(`${pathText(repeated)} has the key ${name} twice, which a JSON object cannot have`)
      names.add(name)
      return `${name}:${valueJson(fieldOf(entry, value.element.name))}`
    })
    return `{${entries.join(',')}}`
  }
}

function arrayOf(json: ToJson): ToJson {
  return (value) => `[${listOf(value).map(json).join(',')}]`
}

function listOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return Array.from(value as Uint8Array)
  return []
}

function fieldOf(value: unknown, name: string): unknown {
  return (value as Readonly<Record<string, unknown>>)[name]
}

function pathText({ path }: SchemaTree): string {
  return path.join('.')
}
