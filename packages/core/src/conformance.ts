export { type LogFactory, logConformance, type TestRunner } from './conformance/log-conformance.ts'
export { type ReadRecord, readAll, textSerde, write } from './conformance/records.ts'
