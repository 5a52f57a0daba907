/** How long each unit of a duration is, ms. */
export const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const TEXT = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/

/** A length of time: a number of ms, or text such as `'500ms'`, `'10s'`, `'5m'`, `'1h'`, `'1d'`. A day has 24 hours. */
export type Duration = number | `${number}${keyof typeof UNIT_MS}`

/** A duration in ms; `NaN` for a value that is not a duration, which validation reports with its step. */
export function durationMs(duration: Duration): number {
  return typeof duration === 'number' ? duration : textMs(duration)
}

/** ms, from text such as `500ms`; `NaN` for other text. */
export function textMs(text: string): number {
  const [, count, unit] = TEXT.exec(text) ?? []
  return isUnit(unit) ? Number(count) * UNIT_MS[unit] : Number.NaN
}

function isUnit(unit: string | undefined): unit is keyof typeof UNIT_MS {
  return unit !== undefined && Object.hasOwn(UNIT_MS, unit)
}
