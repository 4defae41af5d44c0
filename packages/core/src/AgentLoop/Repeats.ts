/**
 * Tool calls that are made again and again with the same result: such a call is refused after a
 * while, and in the end the attempt fails.
 */
import type * as Response from "effect/ai/Response"
import type * as Schema from "effect/Schema"

/** The same call with the same result so often is not made again … */
const repeatsBeforeRefusal = 3
/** … and after this many further refusals the attempt fails. */
const refusalsBeforeFailure = 3

/** What is known of a call that was made before. */
export interface Repeat {
  readonly result: string
  readonly isFailure: boolean
  times: number
  refused: number
}

/** Calls by tool and arguments. */
export class Repeats {
  private readonly calls = new Map<string, Repeat>()

  find(call: Response.ToolCallPartEncoded): Repeat | undefined {
    return this.calls.size === 0 ? undefined : this.calls.get(signatureOf(call))
  }

  /** The call was made; `earlier` is what was known of it before. */
  made(
    call: Response.ToolCallPartEncoded,
    earlier: Repeat | undefined,
    { isFailure, result }: { readonly isFailure: boolean; readonly result: Schema.Json }
  ): void {
    const text = JSON.stringify(result) ?? "null"
    if (earlier?.result === text) earlier.times++
    else this.calls.set(signatureOf(call), { result: text, isFailure, times: 1, refused: 0 })
  }
}

/** What a call is known by, whatever its turn. */
export const signatureOf = (call: Response.ToolCallPartEncoded): string => `${call.name} ${JSON.stringify(call.params)}`

/** The call is not to be made again. */
export const isRefused = (repeat: Repeat | undefined): repeat is Repeat =>
  repeat !== undefined && repeat.times >= repeatsBeforeRefusal

/** The call was refused. True: so often that the attempt fails. */
export const refuse = (repeat: Repeat): boolean => ++repeat.refused > refusalsBeforeFailure
