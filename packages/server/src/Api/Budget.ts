/** `/api/v1/budget`: what the tenant may spend on models, and what it has spent. */
import * as Limits from "@crewline/core/Limits"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Problem from "./Problem.ts"

/** The period of a budget. */
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

/** The budget of a tenant. */
export const Standing = Schema.Struct({
  ...TenantBudget.fields,
  source: Schema.Literals(["tenant", "environment"]).annotate({
    description: "The source of the limits: set for the tenant, or the default of the environment"
  }),
  spent: Schema.Struct({ day: Spent, month: Spent }).annotate({
    description: "Spending of calls under a limit, without calls in progress"
  })
}).annotate({ identifier: "TenantBudgetStanding", description: "The limits of a tenant and its spending" })

/** Fields from `GET` may be sent back. */
export const Replacement = Schema.Struct({
  ...TenantBudget.fields,
  source: Schema.optionalKey(Schema.Unknown),
  spent: Schema.optionalKey(Schema.Unknown)
})

export class Budget extends HttpApiGroup.make("budget")
  .add(
    HttpApiEndpoint.get("get", "/", { success: Standing }).annotateMerge(
      OpenApi.annotations({
        summary: "Get the budget and the spending",
        description: "For the current day and month (UTC)."
      })
    ),
    HttpApiEndpoint.put("set", "/", {
      payload: TenantBudget,
      success: Standing,
      error: Problem.schemas(...Problem.ofBody)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Set the budget",
        description: "From then on, calls that could exceed it are not made. `{}` means no limit."
      })
    ),
    HttpApiEndpoint.delete("remove", "/", { success: HttpApiSchema.NoContent }).annotateMerge(
      OpenApi.annotations({
        summary: "Reset the budget to the default of the environment",
        description: "If the environment has none, the tenant is not limited."
      })
    )
  )
  .prefix("/api/v1/budget")
  .annotateMerge(OpenApi.annotations({ title: "Budget", description: "Spending limits for models" })) {}
