/** Only makes the moment random: it does not wait for anything. */
export function randomMoment(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
