/**
 * Thrown in a step that cannot go on before a topic is open, which it has asked its task to wait for. The unit that it
 * stands in is undone, and done again then.
 */
export class TopicOpening extends Error {
  override readonly name = 'TopicOpening'

  constructor(topic: string) {
    super(`The topic ${topic} is being opened`)
  }
}
