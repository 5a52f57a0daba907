declare module 'fs-native-extensions' {
  /** Takes an exclusive lock of the whole file (an open-file-description lock on Linux). Returns false if another process holds it. */
  export function tryLock(fd: number): boolean
  export function waitForLock(fd: number): Promise<void>
  export function unlock(fd: number): void
}
