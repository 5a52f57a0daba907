/** A listener for chunks of text that calls back for every whole line. */
export function chunks(line: (text: string) => void): (chunk: Buffer) => void {
  let rest = ''
  return (chunk) => {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop() ?? ''
    lines.forEach(line)
  }
}
