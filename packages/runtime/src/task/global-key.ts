/**
 * The name under which a task's checkpoint has its position in one partition of a global table's topic. It belongs to the store that
 * keeps the rows, in its present incarnation: a store that starts empty is read from the topic's start. No topic has a `/` in its name.
 */
export function globalKey(topic: string, partition: number, store: string): string {
  return `${topic}/${partition}/${store}`
}

/** Whether a position in a checkpoint is that of a global table, and not that of an input. */
export function isGlobalKey(name: string): boolean {
  return name.includes('/')
}

/** The topic to which a position in a checkpoint belongs. */
export function topicOfPosition(name: string): string {
  return name.split('/', 1)[0] ?? name
}
