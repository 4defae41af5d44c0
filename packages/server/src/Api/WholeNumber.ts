/**
 * A whole number in a query, with its description in the documentation of the API.
 */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

/** A whole number from `minimum` to `maximum`. */
export const make = (options: {
  readonly minimum: number
  readonly maximum?: number | undefined
  readonly description: string
}) => {
  const { description, maximum = Number.MAX_SAFE_INTEGER, minimum } = options
  const expected =
    options.maximum === undefined
      ? `a whole number, ${minimum} or more`
      : `a whole number from ${minimum} to ${options.maximum}`
  return Schema.String.annotate({ description }).pipe(
    Schema.decodeTo(
      Schema.Int.check(Schema.isBetween({ minimum, maximum }, { expected })),
      SchemaTransformation.numberFromString
    )
  )
}
