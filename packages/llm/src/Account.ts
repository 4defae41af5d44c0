/**
 * The provider account of a model call, if it is not the application's: for example one that a
 * tenant has stored. Accounts whose providers and models have the same names share no breaker, no
 * quota and no answer.
 */
import type * as Llm from "@crewline/core/Llm"
import * as Context from "effect/Context"

/** How much of one account may be used; what is absent is not limited. */
export interface Quota {
  readonly requestsPerMinute?: number
  readonly tokensPerMinute?: number
  /** Calls at once, in each process. */
  readonly concurrency?: number
  /**
   * Respect the provider's own limits, as reported in its headers and 429s. Implied by each of the
   * numbers; set it if there are none.
   */
  readonly adaptive?: true
}

export interface Account {
  /** Unlike every other one, of all tenants. */
  readonly id: string
  /**
   * Changes with what the account is called with: another server is as healthy and answers as it
   * does itself.
   */
  readonly version: string | number
  /** How much of it may be used, all of its models together. */
  readonly quota?: Quota
}

/**
 * The wrappers of the application for models of other accounts, which are made elsewhere than in
 * its `Llm` service. The layer `Providers.layerConfig` sets it; by default there are none.
 */
export const Current = Context.Reference<(account: Account) => (model: Llm.Model) => Llm.Model>(
  "@crewline/llm/Account/Current",
  { defaultValue: () => () => (model) => model }
)
