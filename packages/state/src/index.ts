export { type OpenedState, openTaskState, type TaskStateOptions } from './open-task-state.ts'
