/**
 * Common handlers of every kind of stored resource: list, get and remove; versions as ETags,
 * `If-Match`, and the fields that the server adds.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import type * as ResourceStore from "../ResourceStore.ts"
import * as Page from "./Page.ts"
import * as StoreProblems from "./StoreProblems.ts"

const etag = (version: number) => `"${version}"`

/** Fields that come with a resource and may be sent back in a replacement. */
interface Echoed {
  readonly id?: unknown
  readonly version?: unknown
  readonly createdAt?: unknown
  readonly updatedAt?: unknown
}

/** The body of a replacement, without what came with the resource. */
export const bodyOf = <A extends Echoed>({ createdAt: _c, id: _i, updatedAt: _u, version: _v, ...body }: A) => body

/** No resource is ever at this version. */
const never = 0

/** The largest version that the storage can count to. */
const maxVersion = 2 ** 31 - 1

/** The version that a change expects: by `If-Match`, else by `version` in the body, else any. */
export const expected = <Body>(
  store: Pick<ResourceStore.ResourceStore<Body, unknown>, "get">,
  id: string,
  ifMatch: string | undefined,
  version?: number
): Effect.Effect<number | undefined, ResourceStore.StoreError> => {
  if (ifMatch === undefined || ifMatch.trim() === "*")
    return Effect.succeed(
      version === undefined || (Number.isInteger(version) && version > never && version <= maxVersion) ? version : never
    )
  // Weak tags never match here (RFC 9110, 13.1.1), nor does what is no tag of ours.
  const versions = ifMatch.split(",").map((tag) => Number(/^\s*"(\d{1,9})"\s*$/.exec(tag)?.[1] ?? never))
  if (versions.length <= 1) return Effect.succeed(versions[0] ?? never)
  return Effect.map(store.get(id), (stored) => (versions.includes(stored.version) ? stored.version : never))
}

/** One kind of resource. */
export interface Options<Body, Shown extends object, Summary, Listed extends object> {
  readonly kind: StoreProblems.Resource
  /** The path of the list. */
  readonly collection: string
  readonly store: Pick<ResourceStore.ResourceStore<Body, Summary>, "get" | "list" | "remove">
  /** The view of a body for clients. */
  readonly show: (stored: ResourceStore.Stored<Body>) => Shown
  /** The view of a resource in lists. */
  readonly showListed: (listed: ResourceStore.Listed<Summary>) => Listed
}

export const make = <Body, Shown extends object, Summary, Listed extends object>({
  collection,
  kind,
  show,
  showListed,
  store
}: Options<Body, Shown, Summary, Listed>) => {
  const view = (stored: ResourceStore.Stored<Body>) => {
    const { createdAt, id, updatedAt, version } = stored
    return { id, version, createdAt, updatedAt, ...show(stored) }
  }
  const line = (listed: ResourceStore.Listed<Summary>) => {
    const { createdAt, id, updatedAt, version } = listed
    return { id, version, createdAt, updatedAt, ...showListed(listed) }
  }
  /** The answer to reading or changing a resource. */
  const found = (stored: ResourceStore.Stored<Body>) =>
    HttpApiSchema.withHeaders({ body: view(stored), headers: { etag: etag(stored.version) } })
  return {
    found,
    /** The answer to creating a resource. */
    created: (stored: ResourceStore.Stored<Body>) =>
      HttpApiSchema.withHeaders({
        body: view(stored),
        headers: { etag: etag(stored.version), location: `${collection}/${stored.id}` }
      }),
    list: ({ query: { name, ...query } }: { readonly query: Page.Query & { readonly name?: string | undefined } }) =>
      Page.read(query, (page) => store.list({ ...page, name }).pipe(Effect.map(Arr.map(line)), StoreProblems.storing)),
    get: ({ params: { id } }: { readonly params: { readonly id: string } }) =>
      Effect.map(store.get(id).pipe(StoreProblems.reading(kind)), found),
    remove: ({ headers, params: { id } }: Changing) =>
      expected(store, id, headers["if-match"]).pipe(
        Effect.flatMap((version) => store.remove(id, version)),
        StoreProblems.changing(kind)
      )
  }
}

interface Changing {
  readonly params: { readonly id: string }
  readonly headers: { readonly "if-match"?: string | undefined }
}
