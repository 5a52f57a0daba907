import { RefusedError } from './errors/millrace-error.ts'

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$/

/** Whether a name may name a topic, job, store, view or savepoint: `[A-Za-z0-9][A-Za-z0-9._-]{0,200}`. */
export function isValidName(name: string): boolean {
  return NAME.test(name)
}

/** Throws `BAD_NAME` if the name may not name a topic, job, store, view or savepoint. `what` is the one that the name is for. */
export function checkName(
  what: 'topic' | 'job' | 'store' | 'view' | 'savepoint' | 'transactional id',
  name: string,
): void {
  if (typeof name === 'string' && isValidName(name)) return
  throw new RefusedError(
    'BAD_NAME',
    `Text ${JSON.stringify(name)} is not a valid name for a ${what}. A name starts with a letter or digit, continues with letters, digits, ` +
      `".", "_" or "-", and has at most 201 characters`,
  )
}
