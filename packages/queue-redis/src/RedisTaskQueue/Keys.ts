/** The keys of one queue. All share a hash tag, so that a cluster keeps them together. */

export interface Keys {
  /** In the order that the scripts expect. */
  readonly fixed: ReadonlyArray<string>
  readonly channel: string
  readonly execution: (encodedId: string) => string
  readonly stage: (id: string) => string
  readonly reply: (client: string) => string
}

const names = [
  "ready",
  "ring",
  "meta",
  "leases",
  "leased",
  "permits",
  "timers",
  "timeouts",
  "paused",
  "held",
  "known",
  "workers",
  "infos",
  "outbox"
]

export const make = (prefix: string): Keys => {
  const tag = `{${prefix}:0}`
  return {
    fixed: names.map((name) => `${tag}:${name}`),
    channel: `${tag}:news`,
    execution: (id) => `${tag}:x:${id}`,
    stage: (id) => `${tag}:stage:${id}`,
    reply: (client) => `${tag}:reply:${client}`
  }
}
