import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

/*
 * Reads files with DuckDB in a separate process: a damaged file may crash a reader in C++, and that must not end the tests.
 * Each line of stdin is a path. The answer is a line of JSON: the rows in the form that an import gives them, or the error.
 * MILLRACE_DUCKDB is the folder of the package @duckdb/node-api.
 */

/** JSON.stringify cannot write it. */
const NEGATIVE_ZERO = '\u0000-0'

interface Result {
  columnNames(): string[]
  getRows(): unknown[][]
}

interface DuckDb {
  readonly DuckDBInstance: {
    create(path: string): Promise<{ connect(): Promise<{ runAndReadAll(sql: string): Promise<Result> }> }>
  }
}

const { DuckDBInstance }: DuckDb = await import(pathToFileURL(`${process.env['MILLRACE_DUCKDB']}/lib/index.js`).href)

for await (const path of createInterface({ input: process.stdin })) {
  try {
    // Each file gets a new instance: after some damage, DuckDB refuses everything.
    const connection = await (await DuckDBInstance.create(':memory:')).connect()
    const result = await connection.runAndReadAll(`SET TimeZone = 'UTC'; SELECT * FROM ${source(path)}`)
    const names = result.columnNames()
    const rows = result
      .getRows()
      .map((row) => Object.fromEntries(row.map((value, index) => [names[index], form(value)])))
    process.stdout.write(`${JSON.stringify({ path, rows })}\n`)
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ path, error: String(error) })}\n`)
  }
}

function source(path: string): string {
  if (path.endsWith('.parquet')) return `read_parquet('${path}')`
  const options =
    "header = true, auto_detect = false, all_varchar = true, delim = ',', quote = '\"', escape = '\"', strict_mode = true"
  return `read_csv('${path}', ${options}, columns = {id: 'VARCHAR', text: 'VARCHAR', number: 'VARCHAR'})`
}

/**
 * A value of DuckDB in the form that the reference states for imports. It is recognized by the name of its class, because
 * the package is not installed.
 */
function form(value: unknown): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (Object.is(value, -0)) return NEGATIVE_ZERO
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  const fields = value as Readonly<Record<string, never>>
  switch (Object(value).constructor.name) {
    case 'DuckDBDecimalValue':
      return decimal(fields['value'] as unknown as bigint, fields['scale'] as unknown as number)
    case 'DuckDBBlobValue':
      return Buffer.from(fields['bytes'] as unknown as Uint8Array).toString('base64')
    case 'DuckDBUUIDValue':
      return String(value)
    case 'DuckDBDateValue':
      return Number(fields['days']) * 86_400_000
    case 'DuckDBTimestampMillisecondsValue':
      return parts(fields['millis'] as unknown as bigint, 0)
    case 'DuckDBTimestampValue':
    case 'DuckDBTimestampTZValue':
    case 'DuckDBTimeValue':
    case 'DuckDBTimeTZValue':
      return parts(fields['micros'] as unknown as bigint, 3)
    case 'DuckDBTimestampNanosecondsValue':
      return parts(fields['nanos'] as unknown as bigint, 6)
    case 'DuckDBListValue':
    case 'DuckDBArrayValue':
      return (fields['items'] as unknown as unknown[]).map(form)
    case 'DuckDBStructValue':
      return Object.fromEntries(Object.entries(Object(fields['entries'])).map(([name, each]) => [name, form(each)]))
    case 'DuckDBMapValue':
      return Object.fromEntries(
        (fields['entries'] as unknown as { key: unknown; value: unknown }[]).map((each) => [
          String(form(each.key)),
          form(each.value),
        ]),
      )
    default:
      throw new Error(`No form for ${Object(value).constructor.name}`)
  }
}

function decimal(value: bigint, scale: number): string {
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return value < 0n ? `-${text}` : text
}

/**
 * A count of parts of a millisecond as ms: a number if JavaScript prints it with the same digits, otherwise these digits as
 * text.
 */
function parts(count: bigint, digits: number): unknown {
  const text = digits === 0 ? String(count) : decimal(count, digits).replace(/\.?0+$/, '')
  return String(Number(text)) === text ? Number(text) : text
}
