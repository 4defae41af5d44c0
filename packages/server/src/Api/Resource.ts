/**
 * Stored resources: the fields that the server adds, versions as ETags, and the endpoints that
 * every kind of resource has alike.
 */
import * as Name from "@crewline/core/Name"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Page from "./Page.ts"
import * as Problem from "./Problem.ts"

/** The id in the path. */
export const params = { id: Name.Key }

/** Fields that the server adds to a resource. */
export const fields = {
  id: Schema.String,
  /** From 1, raised by every change; also the ETag. */
  version: Schema.Int,
  createdAt: Schema.String,
  updatedAt: Schema.String
}

/**
 * In a replacement: fields added by the server may be sent back; a `version` is then a
 * precondition, like `If-Match`.
 */
export const echoed = {
  id: Schema.optionalKey(Schema.String),
  version: Schema.optionalKey(Schema.Int),
  createdAt: Schema.optionalKey(Schema.String),
  updatedAt: Schema.optionalKey(Schema.String)
}

/** The version that a change expects, as the ETag that came with the resource. */
export const ifMatch = {
  "if-match": Schema.optionalKey(Schema.String).annotate({
    description: "ETag of the expected version; any other version fails with 412. If absent or `*`, any version"
  })
}

const etag = Schema.String.annotate({ description: "The version of the resource, for If-Match" })

/** A resource with its ETag. */
export const Found = <S extends Schema.Top>(schema: S) => HttpApiSchema.WithHeaders(schema, { etag })

/** A created resource, with its ETag and URL. */
export const Created = <S extends Schema.Top>(schema: S) =>
  HttpApiSchema.WithHeaders(schema.pipe(HttpApiSchema.status(201)), {
    etag,
    location: Schema.String.annotate({ description: "The address of the new resource" })
  })

/** Errors of replacing any kind of resource. */
export const replaceProblems = [...Problem.ofBody, "not-found", "version-mismatch"] as const

interface Documentation {
  readonly summary: string
  readonly description?: string
}

/**
 * List, get and remove, which are the same for every kind of resource. Lists contain summaries,
 * because a whole resource may have megabytes.
 */
export const endpoints = <Item extends Schema.Top, Summary extends Schema.Top>(
  item: Item,
  summary: Summary,
  documentation: { readonly [Endpoint in "list" | "get" | "remove"]: Documentation }
) =>
  [
    HttpApiEndpoint.get("list", "/", {
      query: { ...Page.query, name: Schema.optionalKey(Name.Key) },
      success: Page.Page(summary)
    }).annotateMerge(OpenApi.annotations(documentation.list)),
    HttpApiEndpoint.get("get", "/:id", {
      params,
      success: Found(item),
      error: Problem.schemas("not-found")
    }).annotateMerge(OpenApi.annotations(documentation.get)),
    HttpApiEndpoint.delete("remove", "/:id", {
      params,
      headers: ifMatch,
      success: HttpApiSchema.NoContent,
      error: Problem.schemas("not-found", "version-mismatch")
    }).annotateMerge(OpenApi.annotations(documentation.remove))
  ] as const
