/**
 * The keys of one bucket of a queue. All share a hash tag, so that a cluster keeps them together.
 */

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

export const make = (prefix: string, bucket: number): Keys => {
  const tag = `{${prefix}:${bucket}}`
  return {
    fixed: names.map((name) => `${tag}:${name}`),
    channel: `${tag}:news`,
    execution: (id) => `${tag}:x:${id}`,
    stage: (id) => `${tag}:stage:${id}`,
    reply: (client) => `${tag}:reply:${client}`
  }
}
