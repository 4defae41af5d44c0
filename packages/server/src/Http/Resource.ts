/**
 * Versions of resources in HTTP: ETags, `If-Match`, and the fields that the server adds.
 */
import * as Effect from "effect/Effect"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import type * as ResourceStore from "../ResourceStore.ts"

/** A resource as it is answered. */
export const view = <Body extends object>({ id, version, createdAt, updatedAt, body }: ResourceStore.Stored<Body>) => ({
  id,
  version,
  createdAt,
  updatedAt,
  ...body
})

const etag = (version: number) => `"${version}"`

/** The answer to reading or changing a resource. */
export const found = <Body extends object>(stored: ResourceStore.Stored<Body>) =>
  HttpApiSchema.withHeaders({ body: view(stored), headers: { etag: etag(stored.version) } })

/** The answer to making a resource. */
export const created = <Body extends object>(stored: ResourceStore.Stored<Body>, collection: string) =>
  HttpApiSchema.withHeaders({
    body: view(stored),
    headers: { etag: etag(stored.version), location: `${collection}/${stored.id}` }
  })

/** No resource is ever at this version. */
const never = 0

/** The version that a change expects: by `If-Match`, else by `version` in the body, else any. */
export const expected = <Body>(
  store: Pick<ResourceStore.ResourceStore<Body>, "get">,
  id: string,
  ifMatch: string | undefined,
  version?: number
): Effect.Effect<number | undefined, ResourceStore.StoreError> => {
  if (ifMatch === undefined || ifMatch.trim() === "*") return Effect.succeed(version)
  // Weak tags never match here (RFC 9110, 13.1.1), nor does what is no tag of ours.
  const versions = ifMatch.split(",").map((tag) => Number(/^\s*"(\d{1,9})"\s*$/.exec(tag)?.[1] ?? never))
  if (versions.length <= 1) return Effect.succeed(versions[0] ?? never)
  return Effect.map(store.get(id), (stored) => (versions.includes(stored.version) ? stored.version : never))
}
