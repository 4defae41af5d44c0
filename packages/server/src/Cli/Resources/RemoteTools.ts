/** Tools over the HTTP API of a running server. */
import { ToolFailed } from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Tools } from "./Connection.ts"
import { connect, type Server, tellingOf } from "./Remote.ts"

/** Statuses of calls that were refused or failed. */
const ofCalls = new Set([404, 422])

export const tools = Effect.fnUntraced(function* (server: Server): Effect.fn.Return<Tools> {
  const client = yield* connect(server)
  const told = tellingOf(server)
  return {
    list: Effect.map(told(client.tools.list()), ({ items }) => items),
    test: (name, payload) =>
      client.tools.test({ params: { name }, payload }).pipe(
        Effect.map(({ result }) => Result.succeed(result)),
        Effect.catch((error) => {
          if (!("code" in error && "status" in error) || !ofCalls.has(error.status)) return Effect.fail(error)
          const reason = "reason" in error ? error.reason : undefined
          const code = error.code === "not-found" ? "unknown-tool" : (reason ?? error.code)
          return Effect.succeed(Result.fail(new ToolFailed({ message: error.detail ?? error.title, code })))
        }),
        told
      ),
    register: (payload) =>
      Effect.map(told(client.tools.register({ payload })), (answer) => ("body" in answer ? answer.body : answer)),
    remove: (name) => told(client.tools.remove({ params: { name } }))
  }
})
