declare global {
  /** Node's undocumented, long-stable fast paths: no argument parsing, no encoding look-up. */
  interface Buffer {
    utf8Write(text: string, offset: number): number
    utf8Slice(start: number, end: number): string
    latin1Slice(start: number, end: number): string
    latin1Write(text: string, offset: number): number
  }
}

export {}
