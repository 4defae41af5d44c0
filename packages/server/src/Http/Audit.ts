/** Handlers of `/api/v1/audit`. */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import { AuditLog } from "../AuditLog.ts"
import * as Page from "./Page.ts"
import * as StoreProblems from "./StoreProblems.ts"

export const layer = HttpApiBuilder.group(
  Api,
  "audit",
  Effect.fnUntraced(function* (handlers) {
    const log = yield* AuditLog
    return handlers.handle("list", ({ query: { cursor, limit, ...filters } }) =>
      Page.read({ cursor, limit }, (page) => StoreProblems.storing(log.list({ ...filters, ...page })))
    )
  })
)
