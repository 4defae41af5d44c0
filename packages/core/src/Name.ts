/**
 * Names and ids: texts that things are stored and found by. A storage keeps them as text, in an
 * index, so that they are short and hold only characters that every storage takes. Other texts
 * (descriptions, inputs, answers) are stored as JSON and may hold any character.
 */
import * as Schema from "effect/Schema"

/**
 * The most characters of a name. A row of a PostgreSQL index holds some 2,700 bytes, of all of its
 * columns together.
 */
export const maxLength = 200

/** Text that something can be looked up by. It may be blank, and then nothing is found. */
export const Key = Schema.String.check(
  Schema.isMaxLength(maxLength, { expected: `at most ${maxLength} characters` }),
  Schema.makeFilter((text) => !text.includes("\u0000") && text.isWellFormed(), {
    expected: "text without U+0000 and without unpaired surrogates"
  })
)

/** A name to be given: not blank. */
export const Name = Key.check(Schema.isPattern(/\S/, { expected: "some text" }))
