/**
 * Thrown in a step that cannot continue before a topic is open; the step has made its task wait for it. The step's unit is
 * undone, and done again once the topic is open.
 */
export class TopicOpening extends Error {
  override readonly name = 'TopicOpening'

  constructor(topic: string) {
    super(`Topic ${topic} is being opened`)
  }
}
