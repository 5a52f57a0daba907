/** What must hold whatever happens; `docs/reliability.md` describes the same in prose. */
export const INVARIANTS = {
  'no loss': 'every record whose flush was acknowledged is in its topic, and in the results',
  'no double count': 'no record is in the results twice: each output is told once, each total counts each record once',
  'state is the fold of the changelog': 'views, and stores opened anew, hold what their changelog holds',
  'checkpoint covers its outputs': 'a committed checkpoint is never ahead of, nor behind, the committed outputs',
  'order per key': 'outputs of one key come in the order of their inputs',
  'one writer': 'of one producer and epoch nothing stands behind its marker, and there is one marker',
  'watermarks never go back': 'what an upstream task has told of its watermark only grows',
  'records alone decide what is late and final':
    'late records, finals and views are what a fold of each source partition comes to; idle time-outs alone may change them',
  'joins pair the records that are in time':
    'pairs, records without a partner and late records are what the records of each source partition come to',
  'tables follow their rows':
    'views, and what the changes of tables come to, are what the tables are by their definition, from the rows that there are',
  'steps do what their events say':
    'what steps write, keep and do in the outside world is what the events of each source partition come to, each once',
  'committed reads are a prefix': 'what was once read as committed stays, and more only comes after it',
  'damage is refused': 'of a damaged partition what is read is what was written, up to an error that says where',
  'a stopped member blocks no other':
    'while a container is stopped for good, the others take its tasks, and lag reaches zero',
  'an acknowledged change stays':
    'what a node has acknowledged (a version that runs, a savepoint) is so after any end of the node',
  liveness: 'once faults stop, lag reaches zero',
  'refusals are expected': 'a process ends only for what was done to it',
} as const

export type Invariant = keyof typeof INVARIANTS

/** An invariant does not hold. */
export class Violation extends Error {
  readonly invariant: Invariant

  constructor(invariant: Invariant, detail: string) {
    super(`"${invariant}" does not hold: ${detail}`)
    this.invariant = invariant
  }
}

export function hold(invariant: Invariant, holds: boolean, detail: () => string): void {
  if (!holds) throw new Violation(invariant, detail())
}

/** What an error violates that no fault justifies. */
export function violationOf(error: unknown): Violation {
  if (error instanceof Violation) return error
  return new Violation('refusals are expected', error instanceof Error ? (error.stack ?? error.message) : String(error))
}
