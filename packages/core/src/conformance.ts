export { logConformance } from './conformance/log-conformance.ts'
export type { LogFactory, TestRunner } from './conformance/log-tests.ts'
export { type ReadRecord, readAll, textSerde, write } from './conformance/records.ts'
