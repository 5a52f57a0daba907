import {
  ERROR_CODES,
  type ErrorCode,
  errorWithCode,
  FatalError,
  type PlannedStart,
  type StatedError,
  type Timers,
} from '@millrace/core'
import type { ContainerProcess, ContainerSpec, StartContainer } from './container-process.ts'

/** A plan that takes longer is given up: clients such as Node's `fetch` wait up to 5 min for the head of an answer. */
const PLAN_MS_MAX = 4 * 60_000

/** Plans the start of artefacts. Each is loaded in a separate process, since its code must not run in that of the node. */
export class ArtefactPlans {
  readonly #start: StartContainer
  readonly #timers: Timers
  readonly #processes = new Set<ContainerProcess>()

  constructor(start: StartContainer, timers: Timers) {
    this.#start = start
    this.#timers = timers
  }

  /** What a start would change. Throws the error of the process, such as `PACKAGE_MISSING`, and `CONTAINER_ENDED`. */
  async plan(spec: Omit<ContainerSpec, 'container' | 'untilEnd' | 'planOnly'>): Promise<PlannedStart> {
    const process = this.#start({ ...spec, container: 'plan', untilEnd: false, planOnly: true })
    this.#processes.add(process)
    let planned: PlannedStart | undefined
    process.reports.subscribe((report) => {
      if (report.kind !== 'planned') return
      planned = report.planned
      // A timer or a connection of the job would keep it alive.
      process.kill()
    })
    const late = this.#timers.after(PLAN_MS_MAX, () => process.kill())
    const { error } = await process.ended
    late.cancel()
    this.#processes.delete(process)
    if (planned === undefined) throw planFailed(spec.job, error)
    return planned
  }

  /** Ends all plans that are under way. */
  close(): void {
    for (const process of this.#processes) process.kill()
  }
}

function planFailed(job: string, error: StatedError | null): Error {
  if (error !== null && isCode(error.code) && error.code !== 'CONTAINER_ENDED') {
    return errorWithCode(error.code, error.message)
  }
  const how = error === null ? 'It was ended' : error.message
  return new FatalError(
    'CONTAINER_ENDED',
    `The process that plans job ${job} has no plan: ${how}. It has at most ${PLAN_MS_MAX / 1000} s. Try it again`,
    { job },
  )
}

function isCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code)
}
