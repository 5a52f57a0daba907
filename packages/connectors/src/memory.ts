export { type MemoryLog, memoryLog } from './memory-log/memory-log.ts'
