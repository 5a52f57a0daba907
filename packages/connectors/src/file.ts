export { type FileLogOptions, openFileLog } from './file-log/file-log.ts'
export type { Durability } from './file-log/writing/partition-appender.ts'
