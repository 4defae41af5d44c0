/** The budget that the environment gives to every tenant without its own limits. */
import type * as Limits from "@crewline/core/Limits"
import * as Config from "effect/Config"
import * as Schema from "effect/Schema"
import { type Period, periods, type TenantBudget } from "../Api/Budget.ts"

const amount = (name: string) =>
  Config.option(
    Config.schema(Schema.FiniteFromString.check(Schema.isGreaterThan(0, { expected: "a number over 0" })), name)
  )
const count = (name: string) =>
  Config.option(
    Config.schema(
      Schema.FiniteFromString.check(
        Schema.isInt({ expected: "a whole number" }),
        Schema.isGreaterThanOrEqualTo(1, { expected: "a whole number, 1 or more" })
      ),
      name
    )
  )

/**
 * `CREWLINE_TENANT_DAILY_TOKENS`, `…_DAILY_USD`, `…_DAILY_REQUESTS` and the same with `MONTHLY`:
 * what each tenant without limits of its own may spend.
 */
export const config: Config.Config<TenantBudget> = Config.map(
  Config.all({
    day: Config.all({
      tokens: count("CREWLINE_TENANT_DAILY_TOKENS"),
      costUsd: amount("CREWLINE_TENANT_DAILY_USD"),
      requests: count("CREWLINE_TENANT_DAILY_REQUESTS")
    }),
    month: Config.all({
      tokens: count("CREWLINE_TENANT_MONTHLY_TOKENS"),
      costUsd: amount("CREWLINE_TENANT_MONTHLY_USD"),
      requests: count("CREWLINE_TENANT_MONTHLY_REQUESTS")
    })
  }),
  (configured) => {
    const budget: { -readonly [P in Period]?: Limits.Limits } = {}
    for (const period of periods) {
      const limit = Object.entries(configured[period]).flatMap(([key, value]) =>
        value._tag === "Some" ? [[key, value.value] as const] : []
      )
      if (limit.length > 0) budget[period] = Object.fromEntries(limit)
    }
    return budget
  }
)
