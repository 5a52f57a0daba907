export { type MemoryLog, type MemoryLogOptions, memoryLog } from './memory-log/memory-log.ts'
