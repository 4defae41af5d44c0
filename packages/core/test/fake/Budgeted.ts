/**
 * A model that enforces limits of calls, as one with a budget does, and counts its requests as a
 * provider would.
 */
import * as Effect from "effect/Effect"
import type * as Limits from "../../src/Limits.ts"
import * as Llm from "../../src/Llm.ts"
import type * as World from "./World.ts"

type Replier = (request: Llm.Request, asked: ReadonlyArray<Llm.Request>) => Llm.Answer | World.Reply

/** `made`: calls that were made, by the key of the limit that they counted for. */
export const make =
  (reply: Replier, made = new Map<string, number>()): Replier =>
  (request, asked) => {
    for (const limit of request.limits ?? []) {
      const spent = Math.max(made.get(limit.key) ?? 0, limit.spent?.requests ?? 0)
      const most = limit.requests === undefined ? undefined : limit.requests - (limit.leavesRoomFor ?? 0)
      if (most !== undefined && spent + 1 > most) return refuse(request, limit, spent)
    }
    for (const { key } of request.limits ?? []) made.set(key, (made.get(key) ?? 0) + 1)
    return reply(request, asked)
  }

const refuse = (
  { onNotice }: Llm.Request,
  { key, name, requests, scope }: Limits.Scoped,
  spent: number
): World.Reply => {
  const description = `The budget of the ${scope} (${key}) has no calls left.`
  onNotice?.({
    kind: "budget-refused",
    model: "fake/1",
    message: description,
    ...(name === undefined ? {} : { scope: name })
  })
  const exceeded = { scope, key, dimension: "requests", limit: requests!, spent, estimate: 1 } as const
  const reason = new Llm.BudgetExceeded({
    description,
    exceeded: { ...exceeded, ...(name === undefined ? {} : { name }) }
  })
  return Effect.fail(new Llm.LlmError({ model: "fake/1", reason }))
}
