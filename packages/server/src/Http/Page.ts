/**
 * Cursors and pages of lists. A cursor is opaque and names the last item of the page before, so
 * that items created or deleted between two pages neither repeat nor hide others.
 */
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Result from "effect/Result"
import { defaultLimit, maxBytes } from "../Api/Page.ts"
import * as Problem from "../Api/Problem.ts"

/** The parameters of a list. */
export interface Query {
  readonly limit?: number | undefined
  readonly cursor?: string | undefined
}

/** The query of a list for a page. */
export interface Request {
  /** Items to read: one more than the page size, to know whether another page follows. */
  readonly limit: number
  /** Only items that come after the one with this id: in most lists, older ones. */
  readonly before: string | undefined
}

/** The page that a client asks for, of the items that `read` finds. */
export const read = Effect.fnUntraced(function* <A extends { readonly id: string }, E, R>(
  query: Query,
  read: (request: Request) => Effect.Effect<ReadonlyArray<A>, E, R>
) {
  const limit = query.limit ?? defaultLimit
  const before = yield* decodeCursor(query.cursor, idIn)
  const items = yield* read({ limit: limit + 1, before })
  const page = fitting(items.slice(0, limit))
  const last = page.at(-1)
  return {
    items: page,
    ...(items.length > page.length && last !== undefined && { nextCursor: Base64Url.encode(`after:${last.id}`) })
  }
})

/** As many of the first items as a page may have bytes, and at least one. */
const fitting = <A>(items: ReadonlyArray<A>): ReadonlyArray<A> => {
  let bytes = 0
  const excess = items.findIndex((item, index) => {
    bytes += Buffer.byteLength(JSON.stringify(item))
    return bytes > maxBytes && index > 0
  })
  return excess === -1 ? items : items.slice(0, excess)
}

/** The position that a cursor names. */
const decodeCursor = <A>(
  cursor: string | undefined,
  decode: (text: string) => A | undefined
): Effect.Effect<A | undefined, Problem.Problem<"invalid-request">> => {
  if (cursor === undefined) return Effect.succeed(undefined)
  const text = Base64Url.decodeString(cursor)
  const found = Result.isSuccess(text) ? decode(text.success) : undefined
  if (found !== undefined) return Effect.succeed(found)
  return Effect.fail(
    invalidCursor("Invalid cursor: use the nextCursor of an earlier page, or omit it for the first page.")
  )
}

const invalidCursor = (message: string): Problem.Problem<"invalid-request"> =>
  Problem.make("invalid-request", {
    detail: message,
    errors: [{ path: ["query", "cursor"], code: "invalid-cursor", message }]
  })

/** The item of the cursor was deleted, and its position is lost. */
export const staleCursor: Problem.Problem<"invalid-request"> = invalidCursor(
  "Expired cursor: the item it refers to was deleted. Start again with the first page."
)

const idIn = (text: string): string | undefined => /^after:([A-Za-z0-9_.~-]+)$/.exec(text)?.[1]

const placeIn = (text: string): number | undefined => {
  const digits = /^at:(\d{1,9})$/.exec(text)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** The cursor of a page of a list that only grows at its end: the place where the page begins. */
export const cursorAt = (place: number): string => Base64Url.encode(`at:${place}`)

/** Where the page of such a cursor begins. */
export const placeOf = (cursor: string | undefined): Effect.Effect<number, Problem.Problem<"invalid-request">> =>
  Effect.map(decodeCursor(cursor, placeIn), (place) => place ?? 0)
