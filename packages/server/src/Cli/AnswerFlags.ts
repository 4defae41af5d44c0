/** Flags for the content of an answer. */
import type * as Ask from "@crewline/core/Ask"
import * as Limits from "@crewline/core/Limits"
import * as CliError from "effect/cli/CliError"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** The kinds of answers. */
export const answers = ["approve", "edit", "deny", "reply", "accept", "revise", "raise"] as const

const text = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.withDescription(description), Flag.optional)

const json = <A>(name: string, schema: Schema.Codec<A>, expected: string, description: string) => {
  const decode = Schema.decodeUnknownResult(Schema.fromJsonString(schema), { onExcessProperty: "error" })
  return Flag.String(name).pipe(
    Flag.withMetavar("json"),
    Flag.mapEffect((value) => {
      const decoded = decode(value)
      return Result.isSuccess(decoded)
        ? Effect.succeed(decoded.success)
        : Effect.fail(new CliError.InvalidValue({ option: name, value, expected, kind: "flag" }))
    }),
    Flag.withDescription(description),
    Flag.optional
  )
}

export const flags = {
  arguments: json(
    "arguments",
    Schema.JsonObject,
    `a JSON object, as in '{ "to": "ann" }'`,
    "With edit: what the tool is called with instead"
  ),
  value: json("value", Schema.Json, `JSON, as in 42 or '"a text"'`, "With reply: the reply"),
  limits: json(
    "limits",
    Limits.Limits,
    `a JSON object with tokens, costUsd or requests, as in '{ "costUsd": 5 }'`,
    "With raise: the new limits"
  ),
  feedback: text("feedback", "With revise: what is to be changed"),
  reason: text("reason", "With deny: why"),
  hash: text("hash", "Hash of the ask that you saw; the answer is rejected if the ask has changed"),
  scope: Flag.Literals("scope", ["once", "run"]).pipe(
    Flag.withDescription("With approve: run approves every further call of the tool in this execution"),
    Flag.optional
  )
}

type Given = {
  readonly [name in keyof typeof flags]: (typeof flags)[name] extends Flag.Flag<infer Value> ? Value : never
}

/** The answer on a command line. */
export const answerOf = ({ answer, ...given }: Given & { readonly answer: (typeof answers)[number] }): Ask.Answer => {
  const parts = Object.entries(given).flatMap(([name, value]) => (Option.isSome(value) ? [[name, value.value]] : []))
  return { answer, ...Object.fromEntries(parts) }
}
