/**
 * Many concurrent calls under the budgets of tenants, on one or several servers, and the provider's
 * count of them.
 */
import * as Llm from "@crewline/core/Llm"
import * as Tenant from "@crewline/core/Tenant"
import * as Budget from "@crewline/llm/Budget"
import * as PromptEstimate from "@crewline/llm/PromptEstimate"
import type { TenantBudget } from "../../src/Api/Budget.ts"
import * as TenantBudgets from "@crewline/server/TenantBudgets"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"

export interface Server {
  readonly budgets: TenantBudgets.TenantBudgets["Service"]
  readonly wrap: (model: Llm.Model) => Llm.Model
}

/** The budgets as created when a server starts on this database. */
export const server = async (sql: SqlClient.SqlClient, standard?: TenantBudget): Promise<Server> => {
  const layer = TenantBudgets.layer({ standard }).pipe(Layer.provide(Layer.succeed(SqlClient.SqlClient, sql)))
  const services = await Effect.runPromise(Layer.buildWithScope(layer, Scope.makeUnsafe()))
  const budgets = Context.get(services, TenantBudgets.TenantBudgets)
  return { budgets, wrap: Budget.make({ ...budgets.further, ofRequest: false, waitMillis: 10_000 }) }
}

/**
 * Counts the prompt and the answer of every call, as providers do; writes up to the permitted
 * length.
 */
export const provider = (length: () => number, delay: () => number) => {
  const seen = { tokens: 0, requests: 0 }
  const model: Llm.Model = {
    reference: "openai/gpt-4o",
    generate: Effect.fnUntraced(function* (asked) {
      const inputTokens = (yield* PromptEstimate.counter).request(asked)
      const outputTokens = Math.min(length(), asked.options?.maxOutputTokens ?? 1_000)
      seen.requests += 1
      seen.tokens += inputTokens + outputTokens
      yield* Effect.sleep(delay())
      const usage = { requests: 1, inputTokens, cachedInputTokens: 0, outputTokens, reasoningTokens: 0, costUsd: null }
      return { parts: [{ type: "text", text: "Warm." }], finishReason: "stop", usage, model: "gpt-4o" }
    })
  }
  return { model, seen }
}

export const request = (words = 1): Llm.Request => ({
  messages: [{ role: "user", content: "word ".repeat(words) }],
  tools: [],
  toolChoice: "none"
})

/** The result of a call: `Answered`, or the reason why not. */
export const outcome = (tenant: string, model: Llm.Model, asked: Llm.Request = request()): Promise<string> =>
  Effect.runPromise(
    Effect.match(model.generate(asked), {
      onFailure: ({ reason }): string => reason._tag,
      onSuccess: () => "Answered"
    }).pipe(Effect.provideService(Tenant.Current, tenant))
  )

/** Tenants, and the action of each. */
export const as = <A, E>(tenant: string, effect: Effect.Effect<A, E>): Promise<A> =>
  Effect.runPromise(Effect.provideService(effect, Tenant.Current, tenant))

/**
 * Makes the given number of calls at once across all servers and cancels some of them. Returns
 * their results.
 */
export const crowd = async (
  servers: ReadonlyArray<Server>,
  { calls, model, seed, tenant }: { calls: number; model: Llm.Model; seed: ReadonlyArray<number>; tenant: string }
) => {
  let at = 0
  const next = () => seed[at++ % seed.length]!
  const models = servers.map(({ wrap }) => wrap(model))
  const one = (index: number) => {
    // Answers that may use everything left would be made one after another.
    const asked = { ...request(next() % 90), options: { maxOutputTokens: 20 + (next() % 200) } }
    const call = Effect.match(models[index % models.length]!.generate(asked), {
      onFailure: ({ reason }): string => reason._tag,
      onSuccess: () => "Answered"
    })
    const broken = Effect.timeoutOrElse(call, { duration: next() % 20, orElse: () => Effect.succeed("Left") })
    return Effect.runPromise(Effect.provideService(next() % 7 === 0 ? broken : call, Tenant.Current, tenant))
  }
  return Promise.all(Array.from({ length: calls }, (_, index) => one(index)))
}
