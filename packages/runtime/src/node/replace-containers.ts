import { type ContainerPhase, type Env, RefusedError, type Timer } from '@millrace/core'
import { filter, firstValueFrom, map, Subscription } from 'rxjs'
import type { ContainerLogs } from './container-logs.ts'
import type { JobContainers, NamedSlot } from './job-containers.ts'

/**
 * How long new containers may wait once the node has ended its own containers: longer than the session's time-out of 10 s, after
 * which a container that was killed or stopped loses its place. Then other processes run the job, which the node cannot end.
 */
const OTHERS_MS_MAX = 30_000

/** What a replacement needs. */
export interface ReplaceOptions {
  readonly job: string
  readonly env: Pick<Env, 'timers'>
  /** Get each step too. */
  readonly logs: ContainerLogs
  /** How long all of them must run without a failure, ms. */
  readonly healthyAfterMs: number
  /** How many containers there are to be. */
  readonly containers: number
  /** Ends it: it rejects with the signal's reason. */
  readonly signal: AbortSignal
  /** Called before each step, with what it is, for people. */
  readonly onProgress: (text: string) => void
}

/**
 * Replaces the containers of a job by those of another release, without a record that is lost or processed twice, and resolves
 * when the new ones are healthy. If the group of the job takes the new containers beside the old ones, they are replaced one
 * after the other. If the new release has other steps, the new containers wait until the last of the old ones has ended, and
 * then get all tasks at once. Throws `DEPLOY_FAILED` as soon as a new container fails; the caller then undoes it.
 */
export async function replaceContainers(
  before: JobContainers | undefined,
  next: JobContainers,
  options: ReplaceOptions,
): Promise<void> {
  const { job, env, logs, containers, healthyAfterMs, signal } = options
  const onProgress = (text: string) => {
    logs.print(job, 'node', 'info', text)
    options.onProgress(text)
  }
  const failure = new FailureWatch(job, signal)
  let late: Timer | undefined
  let stopping: Promise<void> = Promise.resolve()
  try {
    const old = [...(before?.all ?? [])]
    const stopNext = () => {
      stopping = stopOne(before, old, onProgress)
      return failure.or(stopping)
    }
    const add = async () => {
      const container = next.add()
      failure.watch(container)
      return { container, phase: await failure.or(reached(container, ['running', 'waiting'])) }
    }
    onProgress(`Starts container 1 of ${containers}`)
    const first = await add()
    const added = [first.container]
    const rolling = first.phase === 'running'
    if (!rolling) onProgress('The new containers wait until the present ones have ended, and then get all tasks')
    for (let number = 2; number <= containers; number++) {
      if (rolling) await stopNext()
      onProgress(`Starts container ${number} of ${containers}`)
      added.push((await add()).container)
    }
    while (old.length > 0) await stopNext()
    late = env.timers.after(OTHERS_MS_MAX, () => failure.othersRun(added))
    await failure.or(Promise.all(added.map((container) => reached(container, ['running']))))
    onProgress(`All containers run. Waits ${healthyAfterMs / 1000} s for failures`)
    await failure.or(new Promise<void>((resolve) => void env.timers.after(healthyAfterMs, resolve)))
  } finally {
    late?.cancel()
    failure.end()
    // Until it has ended it counts as one that runs, and what undoes the change would not replace it.
    await stopping
  }
}

async function stopOne(
  before: JobContainers | undefined,
  old: NamedSlot[],
  onProgress: (text: string) => void,
): Promise<void> {
  const container = old.shift()
  if (before === undefined || container === undefined) return
  onProgress(`Stops present container ${container.name}`)
  await before.remove(container)
}

async function reached(container: NamedSlot, phases: readonly ContainerPhase[]): Promise<ContainerPhase> {
  const states = container.slot.states.pipe(map(({ phase }) => phase))
  return firstValueFrom(states.pipe(filter((phase) => phases.includes(phase))))
}

/** Ends what waits as soon as one of the containers fails. */
class FailureWatch {
  readonly #job: string
  readonly #failed = Promise.withResolvers<never>()
  readonly #watches: Subscription[] = []

  constructor(job: string, signal: AbortSignal) {
    this.#job = job
    const abort = () => this.#failed.reject(signal.reason)
    signal.addEventListener('abort', abort)
    this.#watches.push(new Subscription(() => signal.removeEventListener('abort', abort)))
    // It is reported by what waits; after that, nothing waits.
    this.#failed.promise.catch(() => undefined)
  }

  watch({ name, slot }: NamedSlot): void {
    this.#watches.push(
      slot.states.subscribe(({ phase, error }) => {
        if (phase !== 'restarting' && phase !== 'failed') return
        const reason = error === null ? 'no reason is known' : `${error.code}: ${error.message}`
        this.#failed.reject(
          new RefusedError('DEPLOY_FAILED', `Container ${name} of job ${this.#job} failed: ${reason}`, {
            job: this.#job,
          }),
        )
      }),
    )
  }

  /** Fails if some of the containers still wait. */
  othersRun(containers: readonly NamedSlot[]): void {
    if (!containers.some(({ slot }) => slot.state.phase === 'waiting')) return
    this.#failed.reject(
      new RefusedError(
        'DEPLOY_FAILED',
        `The new containers of job ${this.#job} wait for processes that run the job as it was and that the node has not started, such as ` +
          '"millrace run". End those processes first',
        { job: this.#job },
      ),
    )
  }

  or<T>(waited: Promise<T>): Promise<T> {
    return Promise.race([waited, this.#failed.promise])
  }

  end(): void {
    for (const watch of this.#watches) watch.unsubscribe()
  }
}
