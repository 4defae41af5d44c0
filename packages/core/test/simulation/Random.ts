/** Chance from a seed: the same seed, the same schedule. */
export interface Random {
  /** In [0, 1). */
  next(): number
  /** A whole number from 0 to below `count`. */
  below(count: number): number
  chance(probability: number): boolean
  pick<A>(from: ReadonlyArray<A>): A
}

/** Mulberry32 (Tommy Ettinger): 32 bits of state, good enough and quick. */
export const make = (seed: number): Random => {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
  const below = (count: number) => Math.floor(next() * count)
  return { next, below, chance: (probability) => next() < probability, pick: (from) => from[below(from.length)]! }
}

/** A separate seed for everything that has a name (FNV-1a). */
export const seedOf = (seed: number, name: string): number => {
  let hash = 0x811c9dc5 ^ seed
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193)
  return hash >>> 0
}
