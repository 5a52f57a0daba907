/** The moment is what is random: this waits for nothing. */
export function randomMoment(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
