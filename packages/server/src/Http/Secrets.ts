/** Handlers of `/api/v1/secrets`. */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import * as Problem from "../Api/Problem.ts"
import * as Secrets from "../Api/Secrets.ts"
import * as AuditLog from "../AuditLog.ts"
import type { StoreError } from "../ResourceStore.ts"
import type { MasterKeyMissing } from "../ResourceStore/MasterKeys.ts"
import { SecretStore } from "../ResourceStore/Secrets.ts"
import * as RequestBody from "./RequestBody.ts"
import * as Resource from "./Resource.ts"
import * as StoreProblems from "./StoreProblems.ts"

const readBody = RequestBody.decode(Secrets.Body)
const readReplacement = RequestBody.decode(Secrets.Replacement)

/** A server without a master key; the other failures are left to `rest`. */
const keeping =
  <A, E>(rest: (effect: Effect.Effect<A, StoreError>) => Effect.Effect<A, E>) =>
  (
    effect: Effect.Effect<A, StoreError | MasterKeyMissing>
  ): Effect.Effect<A, E | Problem.Problem<"master-key-missing">> =>
    Effect.catch(effect, (error): Effect.Effect<A, E | Problem.Problem<"master-key-missing">> => {
      if (error._tag === "StoreError") return rest(Effect.fail(error))
      const { message } = error
      return Effect.fail(
        Problem.make("master-key-missing", {
          detail: message,
          errors: [{ path: ["value"], code: "master-key-missing", message }]
        })
      )
    })

export const layer = HttpApiBuilder.group(
  Api,
  "secrets",
  Effect.fnUntraced(function* (handlers) {
    const secrets = yield* SecretStore
    const resource = Resource.make({
      kind: "secret",
      collection: "/api/v1/secrets",
      store: secrets,
      show: ({ body }) => body,
      showListed: ({ summary }) => summary
    })
    return handlers
      .handle("list", resource.list)
      .handleRaw("create", ({ request }) =>
        Effect.gen(function* () {
          const { value, ...body } = yield* readBody(request)
          yield* AuditLog.tell({ details: { name: body.name } })
          const stored = yield* secrets.create(body, value).pipe(keeping(StoreProblems.naming(StoreProblems.storing)))
          return resource.created(stored)
        })
      )
      .handle("get", resource.get)
      .handleRaw("replace", ({ request, params, headers }) =>
        Effect.gen(function* () {
          const { value, version, ...replacement } = yield* readReplacement(request)
          const body = Resource.bodyOf(replacement)
          yield* AuditLog.tell({ details: { name: body.name } })
          const stored = yield* Resource.expected(secrets, params.id, headers["if-match"], version).pipe(
            Effect.flatMap((expected) => secrets.replace(params.id, body, { expected, value })),
            keeping(StoreProblems.naming(StoreProblems.changing("secret")))
          )
          return resource.found(stored)
        })
      )
      .handle("remove", resource.remove)
  })
)
