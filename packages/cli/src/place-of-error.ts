/** A URL of a file, or in a line of a call the path that a source map gave. */
const PLACE = /file:\/\/([^\s)]+)|^ +at (?:.* \()?((?:\/|[A-Za-z]:\\).+:\d+:\d+)\)?$/

/**
 * The place at which an error was thrown, ` (at file:line:column)`: the first place of its stack in a file of the user;
 * empty if there is none.
 */
export function placeOf({ stack = '' }: Error): string {
  const lines = stack.split('\n').filter((text) => !text.includes('node_modules'))
  const found = lines.map((text) => PLACE.exec(text)).find((match) => match !== null)
  return found === undefined || found === null ? '' : ` (at ${found[1] ?? found[2]})`
}
