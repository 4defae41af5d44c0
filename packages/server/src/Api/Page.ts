/** Pages of a list, newest first: the parameters and the answer of every list. */
import * as Schema from "effect/Schema"
import * as WholeNumber from "./WholeNumber.ts"

/** The default number of items on a page. */
export const defaultLimit = 50

/** The most items of a page. */
export const maxLimit = 200

/** The most bytes of JSON of a page's items; a single item may have more. */
export const maxBytes = 4 * 1024 * 1024

/** The parameters of every list. */
export const query = {
  limit: Schema.optionalKey(
    WholeNumber.make({
      minimum: 1,
      maximum: maxLimit,
      description: `Maximum number of items, 1 to ${maxLimit}. Default: ${defaultLimit}. Fewer if they are large`
    })
  ),
  cursor: Schema.optionalKey(Schema.String).annotate({
    description: "`nextCursor` of the previous page; if absent, the first page"
  })
}

/** The answer of every list. */
export const Page = <S extends Schema.Top>(item: S) =>
  Schema.Struct({
    items: Schema.Array(item),
    /** Absent on the last page. */
    nextCursor: Schema.optionalKey(Schema.String)
  })
