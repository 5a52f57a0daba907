import type { Trouble } from '../world/scenario.ts'
import type { WorldJob } from '../world/world.ts'

/** A bug that a developer could write: an edit of one source file, made while it is loaded. */
export interface PlantedBug {
  readonly name: string
  /** The file's path, from the repository's root. */
  readonly file: string
  /** Must be in the file exactly once: if the code changes, an error reports that the bug must be planted again. */
  readonly from: string
  readonly to: string
  /** What runs in the world that finds it. Default `plain`: worlds without a node. */
  readonly job?: WorldJob
  /**
   * The first seed of the search, for a bug that few seeds meet: the seed that found it last, which saves the search. Default
   * 1.
   */
  readonly seed?: number
  /** The troubles of the worlds, for a bug that needs one of them and is rare among all. Default all. */
  readonly troubles?: readonly Trouble[]
}
