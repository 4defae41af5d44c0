/** Notable events around a model call, such as retries and waits. */

/** What happened around a model call. */
export interface Notice {
  readonly kind:
    /** The call failed and is made again after `delayMillis`. */
    | "retried"
    /** The call waited `delayMillis` for a rate or concurrency limit of ours. */
    | "limited"
    /** The circuit breaker opened, refused the call, or closed again. */
    | "breaker-opened"
    | "breaker-refused"
    | "breaker-closed"
    /** Another model of the chain was asked. */
    | "fell-back"
    /** The answer came from the response cache. */
    | "cache-hit"
    /** The call was not made: it could have gone over a budget. */
    | "budget-refused"
    /** Older turns were left out, because the conversation would not have fitted. */
    | "context-trimmed"
    /** The provider rejected a feature, and the request was repeated without it. */
    | "adapted"
  /** The model reference. */
  readonly model: string
  /** For people; secrets removed. */
  readonly message: string
  readonly delayMillis?: number
  /** Whose limit refused the call: `task/write`, `agent/writer`, `execution`. */
  readonly scope?: string
}
