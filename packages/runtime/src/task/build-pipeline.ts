import type { PartitionWriter } from '@millrace/core'
import type { PlanNode, Topology } from '@millrace/core/internal'
import { Closing, type TaskOwners } from './closing.ts'
import { compilePlan } from './compile.ts'
import { CurrentRecord } from './current-record.ts'
import { ErrorPolicyHandler } from './error-policy.ts'
import { wakingMs } from './event-time.ts'
import { type GlobalsWiring, makeGlobals } from './make-globals.ts'
import { makeInput } from './make-input.ts'
import { type Fence, type OutputFence, pointsOf } from './output-fence.ts'
import type { Outside } from './outside.ts'
import { Pipeline } from './pipeline.ts'
import type { PipelineState } from './pipeline-state.ts'
import { IdentityHeader } from './record-identity.ts'
import { StepClock } from './step-clock.ts'
import { TaskClock } from './task-clock.ts'
import type { RunningCounts } from './task-counts.ts'
import type { TaskSpec } from './task-spec.ts'
import { TaskTimes } from './times.ts'
import { needsUndo, UnitOfWork } from './unit-of-work.ts'
import { UnitRunner } from './unit-runner.ts'

/** What a pipeline is built from: what the plan says about its task, and what the task has opened for it. */
export interface PipelineWiring
  extends GlobalsWiring,
    Pick<
      TaskSpec,
      'topology' | 'subtopology' | 'partition' | 'tasks' | 'topics' | 'repartitionTopic' | 'sources' | 'idleAfterMs'
    > {
  readonly state: PipelineState
  readonly counts: RunningCounts
  /** By topic name: the writers of all partitions of every topic that the plan names. */
  readonly writers: ReadonlyMap<string, readonly PartitionWriter[]>
  /** By topic name: where the task appends dead letters. */
  readonly deadLetters: ReadonlyMap<string, PartitionWriter>
  /** Opens a topic that a record chose. Rejects with `TOPIC_MISSING`. */
  readonly openWriters: (topic: string) => Promise<readonly PartitionWriter[]>
  /** The wall clock, ms since the epoch. */
  readonly now: () => number
  readonly outside: Outside
  /** What the writers of the job's outputs are guarded with, and how far the job had come; undefined if it was never set back. */
  readonly fence: OutputFence | undefined
  readonly fences: readonly Fence[]
  /** In a run that closes windows at the end of its inputs: which process runs each task. */
  readonly owners?: TaskOwners | undefined
}

/** Compiles a subtopology for one task. The caller must start its inputs, and then restore the checkpoint. */
export function buildPipeline(wiring: PipelineWiring): Pipeline {
  const { topology, subtopology, partition, state, counts, idleAfterMs, sources, fence, fences } = wiring
  const record = new CurrentRecord()
  const { owners } = wiring
  const closing = owners && new Closing(owners)
  const unit = new UnitOfWork({ state, record, counts }, needsUndo(topology, subtopology))
  const units = new UnitRunner(
    unit,
    record,
    new ErrorPolicyHandler(topology, counts, wiring.deadLetters, wiring.topics),
  )
  const inputs = new Map(
    subtopology.inputs.map((input) => [
      input.node,
      makeInput(input, {
        subtopology,
        partition,
        idleAfterMs,
        topics: wiring.topics,
        now: wiring.now,
        owners,
        senders: sendersIn(topology),
        refuse: (error, batch) => units.refused(error, batch),
        taken: () => {
          counts.repartitioned++
        },
        repeat: () => {
          counts.repeats++
        },
      }),
    ]),
  )
  const globals = makeGlobals(wiring, (error, batch) => units.refused(error, batch))
  const points = [...inputs.values()].flatMap((input) => {
    const ofInput = pointsOf(fences, input.topic, partition)
    input.fence(ofInput)
    return ofInput
  })
  const stepClock = new StepClock()
  const times = new TaskTimes(inputs, wakingMs(idleAfterMs), closing?.time)
  const { roots, clocked, markers } = compilePlan({
    ...wiring,
    ofJob: topology.errors.callback,
    record,
    times,
    unit,
    units,
    clock: stepClock,
    identity: new IdentityHeader(partition),
    block: (until) => units.block.begin(until),
    fencedSteps: points.flatMap(({ steps }) => steps),
  })
  for (const [node, input] of inputs) {
    const root = roots.get(node)
    if (root === undefined) throw new Error(`Input ${input.topic} was not compiled`)
    input.root = root
  }
  for (const [node, partitions] of globals) {
    for (const input of partitions) input.root = roots.get(node) ?? input.root
  }
  const time = times.whole
  const clock = new TaskClock(times.all, clocked, stepClock)
  return new Pipeline({
    inputs: [...inputs.values()],
    globals: [...globals.values()].flat(),
    clock,
    time,
    units,
    record,
    counts,
    markers,
    sources,
    fence,
    closing,
  })
}

/** By repartition node: the id of the subtopology that sends there. */
function sendersIn({ subtopologies }: Topology): ReadonlyMap<PlanNode, string> {
  return new Map(subtopologies.flatMap(({ id, nodes }) => nodes.map((node) => [node, id] as const)))
}
