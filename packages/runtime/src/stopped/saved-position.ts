import type { Position } from '@millrace/core'
import { type Checkpoint, maximumPosition } from '@millrace/core/internal'
import { isGlobalKey } from '../task/global-key.ts'
import type { SavedTime } from '../task/pipeline.ts'
import { isRepartition } from '../task/repartition-input.ts'

/** The source positions that a task's checkpoint stands for, as the task itself would report them: see `Pipeline.position`. */
export function savedPosition(checkpoint: Checkpoint, partition: number): Position {
  const inputs = [...checkpoint].filter(([name]) => !isGlobalKey(name))
  const pending = inputs.flatMap(([, { time }]): readonly Position[] => {
    const position = (time as SavedTime | undefined)?.position
    return position === undefined ? [] : [position]
  })
  if (pending.length > 0) return maximumPosition(pending)
  return maximumPosition(
    inputs.flatMap(([topic, { offset, progress }]): readonly Position[] =>
      isRepartition(progress)
        ? progress.markers.map(({ position }) => position)
        : [{ [topic]: { [partition]: offset } }],
    ),
  )
}
