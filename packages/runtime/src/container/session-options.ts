import type { Topology } from '@millrace/core/internal'
import { checkCatalog, openCatalog } from '../catalog/open-catalog.ts'
import type { Assignments } from './assignments.ts'
import type { ContainerOptions } from './container-options.ts'
import { descriptionOf } from './job-description.ts'
import type { SessionOptions } from './session.ts'
import type { JobTopics } from './topics.ts'

/** What a container joins its job with. */
export function sessionOptions(
  options: ContainerOptions,
  topology: Topology,
  topics: JobTopics,
  tasks: readonly string[],
  assignments: Pick<Assignments, 'ownerOf'>,
): SessionOptions {
  const {
    job,
    log,
    env,
    guarantee = 'exactly-once',
    address = null,
    untilEnd = false,
    closeWindows = false,
    upgrade = false,
    signal,
    sessionTimeoutMs,
    acceptLoss = [],
    standbys = 0,
    onNotice,
    onWaiting,
  } = options
  const notice = onNotice ?? (() => undefined)
  return {
    log,
    job: topology.job,
    guarantee,
    tasks,
    description: descriptionOf(job, topology, guarantee, closeWindows),
    address,
    untilEnd,
    ownerOf: closeWindows ? (task) => assignments.ownerOf(task) : undefined,
    random: env.random,
    upgrade,
    standbys,
    signal,
    clock: env.clock,
    sessionTimeoutMs,
    onNotice,
    onWaiting,
    checkCatalog: () => checkCatalog({ topology, topics, log, env, acceptLoss }),
    openCatalog: (outputs) => openCatalog({ topology, topics, log, env, outputs, acceptLoss, notice }),
  }
}
