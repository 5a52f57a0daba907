import type { StoreChange } from '@millrace/core/internal'
import { keyToText } from '@millrace/core/internal'
import type { ServedView, ViewCommit, ViewPart } from '@millrace/runtime'
import { Subscription } from 'rxjs'
import { windowText } from '../views/window-text.ts'
import { LimitedLines } from './limited-lines.ts'
import type { OutputLine } from './version-messages.ts'

/** The changes of one view, as they are committed. While there are more than can be shown, it follows nothing. */
export class ViewChanges {
  readonly lines: LimitedLines
  readonly #view: ServedView
  #followed = new Map<ViewPart['changes'], Subscription>()

  constructor(view: ServedView) {
    this.#view = view
    this.lines = new LimitedLines('view', view.name)
  }

  /** Follows the parts that are not followed yet: a part that was restored has other changes than before. Called often. */
  follow(): void {
    if (this.lines.room === 0) return
    for (const { changes } of this.#view.parts) {
      if (this.#followed.has(changes)) continue
      const subscription = new Subscription()
      this.#followed.set(changes, subscription)
      subscription.add(changes.subscribe({ next: (commit) => this.#take(commit) }))
    }
  }

  end(): void {
    for (const subscription of this.#followed.values()) subscription.unsubscribe()
    this.#followed.clear()
  }

  /** A serde's error must not reach the task that commits. */
  #take({ changes }: ViewCommit): void {
    for (const change of changes) {
      if (this.lines.room > 0) this.lines.add(lineOf(this.#view, change))
      else this.lines.skip(1)
    }
    // Decoding changes that are not shown would slow the job down.
    if (this.lines.room === 0) this.end()
  }
}

function lineOf(view: ServedView, { key, window, value }: StoreChange): OutputLine {
  try {
    return {
      key: keyToText(view.key, key),
      window: window === undefined ? '' : windowText(window, { shape: view.shape.kind }),
      value: value === null || value === undefined ? null : JSON.stringify(view.value.toJson(value)),
    }
  } catch (error) {
    return { key: '?', window: '', value: `cannot be shown: ${error instanceof Error ? error.message : String(error)}` }
  }
}
