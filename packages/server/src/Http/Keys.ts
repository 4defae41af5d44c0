/** Handlers of `/api/v1/keys`. */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as Redacted from "effect/Redacted"
import { Api } from "../Api.ts"
import * as Access from "../Api/Access.ts"
import * as Keys from "../Api/Keys.ts"
import * as AuditLog from "../AuditLog.ts"
import * as Problem from "../Api/Problem.ts"
import * as Principal from "../Principal.ts"
import { KeyStore, type Made } from "../ResourceStore/Keys.ts"
import * as Page from "./Page.ts"
import * as RequestBody from "./RequestBody.ts"
import * as StoreProblems from "./StoreProblems.ts"

const readBody = RequestBody.decode(Keys.KeyBody)
const readRotation = RequestBody.decode(Keys.Rotation)

const created = ({ key, stored }: Made) =>
  HttpApiSchema.withHeaders({
    body: { ...stored, key: Redacted.value(key) },
    headers: { location: `/api/v1/keys/${stored.id}` }
  })

interface Grant {
  readonly role: Access.Role
  /** Absent: all that the role has. */
  readonly scopes?: ReadonlyArray<Access.Scope>
}

/** Why a caller may not create such a key. */
const excess = Effect.fnUntraced(function* ({ role, scopes }: Grant) {
  const caller = yield* Principal.Current
  const ofRole = Access.scopesOf(role)
  const unknown = (scopes ?? []).filter((scope) => !ofRole.includes(scope))
  if (unknown.length > 0) {
    const message = `The role ${role} does not have ${unknown.join(", ")}: choose another role, or omit ${unknown.length > 1 ? "them" : "it"}.`
    return yield* RequestBody.invalid([{ path: ["scopes"], code: "invalid-value", message }])
  }
  const lacking = (scopes ?? ofRole).find((scope) => !Principal.hasScope(caller, scope))
  if (lacking !== undefined) {
    const detail = `A credential can grant only scopes that it has: yours does not have ${lacking}.`
    return yield* Problem.make("forbidden", { scope: lacking, detail })
  }
})

export const layer = HttpApiBuilder.group(
  Api,
  "keys",
  Effect.fnUntraced(function* (handlers) {
    const keys = yield* KeyStore
    return handlers
      .handle("list", ({ query }) => Page.read(query, (page) => StoreProblems.storing(keys.list(page))))
      .handle("get", ({ params: { id } }) => keys.get(id).pipe(StoreProblems.reading("key")))
      .handleRaw("create", ({ request }) =>
        Effect.gen(function* () {
          const body = yield* readBody(request)
          yield* AuditLog.tell({ details: { name: body.name, role: body.role } })
          yield* excess(body)
          const { name } = yield* Principal.Current
          return created(yield* keys.create(body, name).pipe(StoreProblems.storing))
        })
      )
      .handleRaw("rotate", ({ params: { id }, request }) =>
        Effect.gen(function* () {
          const { overlap } = RequestBody.isEmpty(request) ? {} : yield* readRotation(request)
          const { role, scopes } = yield* keys.get(id).pipe(StoreProblems.reading("key"))
          yield* excess({ role, scopes })
          const { name: by } = yield* Principal.Current
          return created(
            yield* keys.rotate(id, { overlap, by }).pipe(
              Effect.catchTags({
                KeyInactive: ({ message }) => Effect.fail(Problem.make("key-inactive", { detail: message })),
                StoreError: (error) => StoreProblems.reading("key")(Effect.fail(error))
              })
            )
          )
        })
      )
      .handle("revoke", ({ params: { id } }) => keys.revoke(id).pipe(StoreProblems.reading("key")))
  })
)
