import { RefusedError } from '@millrace/core'
import { fieldTime } from '../event-time/field-time.ts'
import { badInput } from '../input-error.ts'
import { fieldSpans } from '../json-text/json-fields.ts'
import { blocksOfLines, textLines, textOf } from '../lines.ts'
import { keyOfField } from '../record-fields.ts'
import { retypedJson, typeRemedy } from './column-type.ts'
import { RoundedNumbers } from './rounded-numbers.ts'
import type { ImportedRow, ReadRow, RowPlan, RowSource } from './row-source.ts'
import { notOfEncoding } from './text-encoding.ts'
import type { TextInput } from './text-input.ts'

/** Reads JSON objects, one a line. Lines keep their text: digits, spacing and the order of fields. */
export function ndjsonRows(input: TextInput, plan: RowPlan): RowSource {
  const { file } = input
  let line = 0
  const rounded = new RoundedNumbers(file)
  const stated = new Set(plan.columns.keys())
  async function* pieces(): AsyncGenerator<readonly ImportedRow[], void> {
    for await (const block of blocksOfLines(input.chunks(), () => `${file}, line ${line + 1}`)) {
      const piece: ImportedRow[] = []
      for (const given of textLines(block)) {
        line++
        if (given.length > 0) piece.push(rowOf(given, file, line, plan, stated))
      }
      yield piece
    }
  }
  const { total, done } = input
  const notes = () => [
    ...rounded.notes(),
    ...[...stated].map(
      (name) => `${file}: no line has a field ${JSON.stringify(name)}, which --columns names. Correct --columns`,
    ),
  ]
  const taken = (row: ReadRow) => rounded.see(row)
  return { file, counts: 'line', total, unit: 'bytes', done, pieces: pieces(), taken, notes }
}

function rowOf(given: string | Buffer, file: string, line: number, plan: RowPlan, stated: Set<string>): ImportedRow {
  const where = `${file}, line ${line}`
  try {
    if (typeof given !== 'string') throw badInput(`${where} ${notOfEncoding(given, plan.encoding)}`)
    const text = textOf(given, line === 1, where)
    const fields = objectOf(text, where)
    return {
      line,
      json: plan.columns.size === 0 ? text : retyped(text, plan, where, stated),
      key: keyOfField(fields, text, plan.key, where),
      time: plan.timestamp === undefined ? undefined : fieldTime(fields, text, plan.timestamp),
      isDate: false,
      raw: given,
    }
  } catch (error) {
    if (error instanceof RefusedError) return { error, line, raw: given }
    throw error
  }
}

function objectOf(text: string, where: string): Readonly<Record<string, unknown>> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw badInput(`${where}, is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, cause)
  }
  if (isObject(json)) return json
  throw badInput(`${where}, is not a JSON object`)
}

function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

/**
 * The object, with each column that has a stated type in that type, and everything else unchanged. Removes the columns that
 * it finds from `stated`.
 */
function retyped(text: string, { columns }: RowPlan, where: string, stated: Set<string>): string {
  let result = ''
  let from = 0
  for (const [name, { start, end }] of fieldSpans(text)) {
    const type = columns.get(name)
    if (type === undefined) continue
    stated.delete(name)
    const json = retypedJson(text.slice(start, end), type)
    if (json === undefined) throw badInput(`${where}: ${name} is ${text.slice(start, end)}, ${typeRemedy(name, type)}`)
    result += text.slice(from, start) + json
    from = end
  }
  return result + text.slice(from)
}
