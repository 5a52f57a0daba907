/**
 * The place at which an error was thrown, ` (at file:line:column)`: the first place of its stack in a file of the user;
 * empty if there is none.
 */
export function placeOf({ stack = '' }: Error): string {
  const line = stack.split('\n').find((text) => text.includes('file://') && !text.includes('node_modules'))
  const place = line === undefined ? undefined : /file:\/\/([^\s)]+)/.exec(line)?.[1]
  return place === undefined ? '' : ` (at ${place})`
}
