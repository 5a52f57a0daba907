import { type FileSystem, RefusedError } from '@millrace/core'
import { crc32c } from '@millrace/core/checksum'

/** Writes JSON and its checksum to a new file, durably. */
export async function writeChecked(files: FileSystem, path: string, content: object): Promise<void> {
  const text = JSON.stringify(content)
  const bytes = Buffer.from(`${text}\n${checksumOf(text)}\n`)
  const file = files.open(path, 'create')
  try {
    file.write(bytes, 0, bytes.length, 0)
    await file.sync()
  } finally {
    file.close()
  }
}

/** The JSON in a file. Throws `SAVEPOINT_DAMAGED` if it is missing or not what was written. */
export function readChecked(files: FileSystem, path: string): unknown {
  const [text = '', checksum] = readText(files, path).split('\n')
  if (checksum === checksumOf(text)) return JSON.parse(text)
  throw new RefusedError(
    'SAVEPOINT_DAMAGED',
    `File ${path}, which describes a savepoint, is missing or damaged. Use another savepoint, and delete this one`,
    { file: path },
  )
}

function readText(files: FileSystem, path: string): string {
  if (files.stat(path) === undefined) return ''
  const file = files.open(path, 'read')
  try {
    const bytes = Buffer.alloc(file.size())
    return bytes.toString('utf8', 0, file.read(bytes, 0, bytes.length, 0))
  } finally {
    file.close()
  }
}

function checksumOf(text: string): string {
  const bytes = Buffer.from(text)
  return crc32c(bytes, 0, bytes.length).toString(16).padStart(8, '0')
}
