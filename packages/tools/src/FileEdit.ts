/** The tool `file_edit`: replaces an exact text in a file, which must occur exactly once. */
import { type ToolContext, type ToolError, ToolRetry } from "@crewline/core/Toolbox"
import type * as Toolbox from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as BuiltIn from "./BuiltIn.ts"
import * as FileAccess from "./FileAccess.ts"

const Parameters = Schema.Struct({
  path: Schema.NonEmptyString,
  old: Schema.NonEmptyString,
  new: Schema.String,
  all: Schema.optionalKey(Schema.Boolean)
})

export const make = (): Toolbox.Tool =>
  BuiltIn.make({
    name: "file_edit",
    description: "Replaces text that occurs exactly once in a file; with all, every occurrence.",
    parameters: Parameters,
    paths: ["path"],
    aliases: {
      file_path: "path",
      filename: "path",
      old_string: "old",
      old_text: "old",
      oldText: "old",
      new_string: "new",
      new_text: "new",
      newText: "new",
      replace_all: "all"
    },
    kind: "write",
    origin: "agent",
    execute: (call, context) => edit(call, context)
  })

const edit = Effect.fnUntraced(function* (
  { all = false, new: replacement, old, path }: typeof Parameters.Type,
  context: ToolContext
): Effect.fn.Return<string, ToolError> {
  const text = yield* FileAccess.text(context, path)
  const pieces = text.split(old)
  const count = pieces.length - 1
  if (count === 0)
    return yield* new ToolRetry({ message: `"${path}" does not contain the text to replace.${hint(text, old)}` })
  if (count > 1 && !all) {
    const message = `"${path}" contains the text ${count} times. Include more of the surrounding text, or set all to true.`
    return yield* new ToolRetry({ message })
  }
  if (old === replacement) return yield* new ToolRetry({ message: "old and new are identical." })
  yield* FileAccess.write(context, path, pieces.join(replacement))
  return `Replaced ${count === 1 ? "1 occurrence" : `${count} occurrences`} in ${path}.`
})

/** Models often reproduce everything except whitespace correctly. */
const hint = (text: string, old: string): string => {
  const words = old.trim().split(/\s+/)
  const line = text
    .split("\n")
    .findIndex((each) => each.includes(words[0]!) && each.trim().startsWith(old.trim().split("\n")[0]!.trim()))
  return line < 0 ? " Read the file first." : ` Line ${line + 1} differs only in whitespace: copy it exactly.`
}
