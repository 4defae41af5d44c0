/** Handlers of `/api/v1/budget`. */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import * as Budget from "../Api/Budget.ts"
import * as RequestBody from "./RequestBody.ts"
import { TenantBudgets } from "../TenantBudgets.ts"
import * as StoreProblems from "./StoreProblems.ts"

const readBody = RequestBody.decode(Budget.Replacement)

export const layer = HttpApiBuilder.group(
  Api,
  "budget",
  Effect.fnUntraced(function* (handlers) {
    const budgets = yield* TenantBudgets
    const standing = Effect.map(budgets.get, ({ budget, source, spent }) => ({ ...budget, source, spent }))
    return handlers
      .handle("get", () => StoreProblems.storing(standing))
      .handleRaw("set", ({ request }) =>
        Effect.gen(function* () {
          const { source: _source, spent: _spent, ...budget } = yield* readBody(request)
          yield* StoreProblems.storing(budgets.set(budget))
          return yield* StoreProblems.storing(standing)
        })
      )
      .handle("remove", () => StoreProblems.storing(budgets.remove))
  })
)
