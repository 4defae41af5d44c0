/** Crews whose functions this process lacks: said once each, and their tasks are handed back for longer and longer. */

const firstMillis = 100
const mostMillis = 5_000
/** Names of crews may be without end. */
const mostCrews = 1_000

export const make = () => {
  const times = new Map<string, number>()
  return {
    /** True the first time. */
    isNew: (crew: string): boolean => !times.has(crew),
    message: (crew: string): string =>
      `Tasks of crew "${crew}" are left to other workers: this process does not have its functions (guardrails, conditions, output schemas). Offer them with Crewline.layer({ crews: [crew] }).`,
    /** How long a task of the crew is left to others now, in milliseconds. */
    delayMillis: (crew: string): number => {
      const earlier = times.get(crew) ?? 0
      if (earlier === 0 && times.size >= mostCrews) times.clear()
      times.set(crew, earlier + 1)
      return Math.min(firstMillis * 2 ** Math.min(earlier, 10), mostMillis)
    }
  }
}
