/**
 * Pages of a list, newest first. A cursor is opaque and names the last item of the page before: items that come or go between
 * two pages neither repeat nor hide others.
 */
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as WholeNumber from "./WholeNumber.ts"
import * as Problem from "./Problem.ts"

/** Items of a page when the client does not say. */
export const defaultLimit = 50

/** The most items of a page. */
export const maxLimit = 200

/** The parameters of every list. */
export const query = {
  limit: Schema.optionalKey(
    WholeNumber.make({
      minimum: 1,
      maximum: maxLimit,
      description: `At most so many items, 1 to ${maxLimit}; ${defaultLimit} by default`
    })
  ),
  cursor: Schema.optionalKey(Schema.String).annotate({
    description: "`nextCursor` of the page before; absent: the first page"
  })
}

/** The answer of every list. */
export const Page = <S extends Schema.Top>(item: S) =>
  Schema.Struct({
    items: Schema.Array(item),
    /** Absent on the last page. */
    nextCursor: Schema.optionalKey(Schema.String)
  })

/** The cursor behind an item. */
export const cursorAfter = (id: string): string => Base64Url.encode(`after:${id}`)

/** The id that a cursor names. */
export const decodeCursor = (cursor: string | undefined): Effect.Effect<string | undefined, Problem.InvalidRequest> => {
  if (cursor === undefined) return Effect.succeed(undefined)
  const text = Base64Url.decodeString(cursor)
  const id = Result.isSuccess(text) ? /^after:([A-Za-z0-9_-]+)$/.exec(text.success)?.[1] : undefined
  if (id !== undefined) return Effect.succeed(id)
  const message = "This cursor was not given by this server; leave it out to begin with the first page."
  return Effect.fail(
    new Problem.InvalidRequest({
      detail: message,
      errors: [{ path: ["query", "cursor"], code: "invalid-cursor", message }]
    })
  )
}

/** A page of at most `limit` of these items, of which one more than that was asked for. */
export const make = <A>(
  items: ReadonlyArray<A>,
  limit: number,
  id: (item: A) => string
): { readonly items: ReadonlyArray<A>; readonly nextCursor?: string } => {
  const page = items.slice(0, limit)
  const last = page.at(-1)
  return items.length > limit && last !== undefined
    ? { items: page, nextCursor: cursorAfter(id(last)) }
    : { items: page }
}
