/** Who asks for a WebSocket, by the headers of its request. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Access } from "../Api/Access.ts"
import { Credentials } from "../Credentials.ts"
import { Callers } from "../Followers.ts"
import * as Principal from "../Principal.ts"
import * as Authenticate from "./Authenticate.ts"

/** What following an execution takes. */
export const needed = "executions:read" satisfies Access

export const layer: Layer.Layer<Callers, never, Credentials> = Layer.effect(
  Callers,
  Effect.map(Credentials, (credentials) =>
    Callers.of({
      identify: Effect.fnUntraced(function* ({ headers }) {
        const principal = yield* credentials.identify(Authenticate.shownIn(headers.authorization))
        if (!Principal.hasScope(principal, needed)) return yield* Authenticate.forbidden(needed)
        return { principal, ended: credentials.ended(principal) }
      })
    })
  )
)
