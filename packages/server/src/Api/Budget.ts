/** `/api/v1/budget`: what the tenant may spend on models, and what it has spent. */
import * as Limits from "@crewline/core/Limits"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Problem from "./Problem.ts"

/** What a budget is for. */
export const periods = ["day", "month"] as const
export type Period = (typeof periods)[number]

/** Limits by period; what is absent is not limited. */
export const TenantBudget = Schema.Struct({
  /** From midnight to midnight, UTC. */
  day: Schema.optionalKey(Limits.Limits),
  /** From the first of a month to its end, UTC. */
  month: Schema.optionalKey(Limits.Limits)
}).annotate({ identifier: "TenantBudget", description: "What a tenant may spend on models" })
export type TenantBudget = typeof TenantBudget.Type

const Spent = Schema.Struct({
  /** The day, `2026-11-22`, or the month, `2026-11`, in UTC. */
  period: Schema.String,
  tokens: Schema.Finite,
  requests: Schema.Finite,
  costUsd: Schema.Finite
})

/** How a tenant stands. */
export const Standing = Schema.Struct({
  ...TenantBudget.fields,
  source: Schema.Literals(["tenant", "environment"]).annotate({
    description: "Whose limits these are: the tenant's own, or those of the environment for all that have none"
  }),
  spent: Schema.Struct({ day: Spent, month: Spent }).annotate({
    description: "What calls under a limit came to; those under way are not in it"
  })
}).annotate({ identifier: "TenantBudgetStanding", description: "What a tenant may spend, and what it has spent" })

/** What came from `GET` may be sent back. */
export const Replacement = Schema.Struct({
  ...TenantBudget.fields,
  source: Schema.optionalKey(Schema.Unknown),
  spent: Schema.optionalKey(Schema.Unknown)
})

export class Budget extends HttpApiGroup.make("budget")
  .add(
    HttpApiEndpoint.get("get", "/", { success: Standing }).annotateMerge(
      OpenApi.annotations({
        summary: "Get the budget, and what is spent of it",
        description: "In the present day and month (UTC)."
      })
    ),
    HttpApiEndpoint.put("set", "/", {
      payload: TenantBudget,
      success: Standing,
      error: Problem.schemas(...Problem.ofBody)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Set the budget",
        description: "Calls that could go over it are not made from then on. `{}` is no limit at all."
      })
    ),
    HttpApiEndpoint.delete("remove", "/", { success: HttpApiSchema.NoContent }).annotateMerge(
      OpenApi.annotations({
        summary: "Go back to the budget that the environment gives to every tenant",
        description: "Without one there, nothing limits the tenant."
      })
    )
  )
  .prefix("/api/v1/budget")
  .annotateMerge(OpenApi.annotations({ title: "Budget", description: "What may be spent on models" })) {}
