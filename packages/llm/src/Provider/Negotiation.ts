/**
 * Repeats a request without the feature that the server rejected, until the server answers or
 * rejects something else. The omitted features are remembered for the model, and reported by an
 * `adapted` notice.
 */
import type * as Llm from "@crewline/core/Llm"
import * as Capabilities from "./Capabilities.ts"
import * as Refusal from "./Refusal.ts"
import type { Call } from "./SdkProvider.ts"

export interface Options {
  /** The name of the provider: the first half of references. */
  readonly name: string
  readonly baseURL: string
  readonly capabilities: Capabilities.Capabilities | undefined
  readonly apiError: Refusal.ApiError
}

/** One request without the unsupported features. */
export interface Attempt {
  /** Features of the request that the server can refuse. */
  readonly sent: Capabilities.Sent
  readonly send: () => Promise<Llm.Answer>
}

export type Ask = (
  model: string,
  call: Call,
  attemptOf: (lacking: ReadonlySet<Capabilities.Feature>) => Attempt
) => Promise<Llm.Answer>

export const make = ({ apiError, baseURL, capabilities, name }: Options): Ask => {
  const known = Capabilities.make(baseURL, capabilities)

  return async (model, { request }, attemptOf) => {
    const before = known.lacking(model)
    const learned: Array<Capabilities.Feature> = []
    let lacking = before
    let unexplained: unknown
    for (;;) {
      const { send, sent } = attemptOf(lacking)
      try {
        const answer = await send()
        if (learned.length > 0) {
          known.learn(model, new Set([...before, ...learned]))
          const message = `The server rejected ${learned.join(", ")} and accepted the request without it. Later requests to this model omit it. To avoid the rejected request, declare it in the capabilities of the provider.`
          request.onNotice?.({ kind: "adapted", model: `${name}/${model}`, message })
        }
        return answer
      } catch (error) {
        const refused = Refusal.of(apiError, sent, error)
        if (refused === undefined || lacking.has(refused.feature) || !known.isOpen(refused.feature)) {
          throw unexplained ?? error
        }
        if (!refused.isSaid) unexplained = error
        if (refused.isLasting) learned.push(refused.feature)
        lacking = new Set([...lacking, refused.feature])
      }
    }
  }
}
