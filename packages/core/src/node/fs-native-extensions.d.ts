declare module 'fs-native-extensions' {
  /**
   * Takes a lock of the whole file (an open-file-description lock on Linux), exclusive by default. Returns false if another
   * open file holds it.
   */
  export function tryLock(fd: number, options?: { readonly shared: boolean }): boolean
  export function unlock(fd: number): void
}
