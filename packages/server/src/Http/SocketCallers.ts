/** The caller of a WebSocket request, by its headers. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Access } from "../Api/Access.ts"
import * as AuditLog from "../AuditLog.ts"
import { Credentials } from "../Credentials.ts"
import { Callers } from "../Followers.ts"
import * as ClientAddress from "../Listener/ClientAddress.ts"
import * as Principal from "../Principal.ts"
import * as RateLimits from "../RateLimits.ts"
import * as Auditing from "./Auditing.ts"
import * as Authenticate from "./Authenticate.ts"

/** The access required to follow an execution, and to read the feed. */
export const needed = "executions:read" satisfies Access

export const layer: Layer.Layer<Callers, never, Credentials | AuditLog.AuditLog | RateLimits.RateLimits> = Layer.effect(
  Callers,
  Effect.gen(function* () {
    const credentials = yield* Credentials
    const log = yield* AuditLog.AuditLog
    const limits = yield* RateLimits.RateLimits
    const isBehindProxy = yield* ClientAddress.IsBehindProxy
    return Callers.of({
      identify: ({ headers, socket: { remoteAddress: remote } }, operation) => {
        const address = ClientAddress.of({ remote, forwardedFor: headers["x-forwarded-for"] }, isBehindProxy)
        const shown = { ...Authenticate.shownIn(headers.authorization), address: () => address }
        const opening = { operation, isMutating: false, waits: false, address: () => address }
        return Effect.gen(function* () {
          const principal = yield* Effect.tapError(credentials.identify(shown), () =>
            AuditLog.tell({ principal: credentials.suspect(shown) })
          )
          yield* AuditLog.tell({ principal })
          const { problem } = limits.take === undefined ? {} : yield* limits.take(principal)
          if (problem !== undefined) return yield* problem
          if (!Principal.hasScope(principal, needed)) return yield* Authenticate.forbidden(needed)
          return { principal, address, ended: credentials.ended(principal) }
        }).pipe(Auditing.around(log, opening))
      }
    })
  })
)
