/** The tool `chart`: draws numbers as an SVG file in the workspace. */
import { type ToolContext, type ToolError, ToolRetry } from "@crewline/core/Toolbox"
import type * as Toolbox from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as BuiltIn from "./BuiltIn.ts"
import * as Drawing from "./Chart/Drawing.ts"
import * as FileAccess from "./FileAccess.ts"

const Parameters = Schema.Struct({
  path: Schema.NonEmptyString,
  type: Schema.Literals(["bar", "line", "pie"]),
  title: Schema.optionalKey(Schema.String),
  labels: Schema.Array(Schema.Union([Schema.String, Schema.Finite])),
  series: Schema.Array(
    Schema.Struct({ name: Schema.optionalKey(Schema.String), values: Schema.Array(Schema.NullOr(Schema.Finite)) })
  )
})

/** More would be illegible and enlarge the file. */
const maxLabels = 2_000
const maxSeries = 12

export const make = (): Toolbox.Tool =>
  BuiltIn.make({
    name: "chart",
    description: "Draws a chart into an .svg file.",
    parameters: Parameters,
    paths: ["path"],
    aliases: { file: "path", file_path: "path", filename: "path", kind: "type", x: "labels", categories: "labels" },
    kind: "write",
    idempotent: true,
    origin: "agent",
    execute: (call, context) => draw(call, context)
  })

const draw = Effect.fnUntraced(function* (
  { labels, path, series, title = "", type }: typeof Parameters.Type,
  context: ToolContext
): Effect.fn.Return<string, ToolError> {
  const problem = problemOf({ labels, path, series, type })
  if (problem !== undefined) return yield* new ToolRetry({ message: problem, code: "arguments-invalid" })
  const svg = Drawing.svg({
    type,
    title,
    labels: labels.map(String),
    series: series.map(({ name = "", values }) => ({ name, values }))
  })
  const written = yield* FileAccess.write(context, path, svg)
  return `Drew a ${type} chart of ${labels.length} labels into ${written}. Show it in Markdown with ![${title}](${written}).`
})

const problemOf = ({ labels, path, series, type }: Omit<typeof Parameters.Type, "title">): string | undefined => {
  if (!/\.svg$/i.test(path)) return `"${path}" must end in .svg.`
  if (labels.length === 0 || series.length === 0) return "There must be at least one label and one series."
  if (labels.length > maxLabels)
    return `There are ${labels.length} labels; at most ${maxLabels} can be drawn: aggregate the data.`
  if (series.length > maxSeries) return `There are ${series.length} series; at most ${maxSeries} can be drawn.`
  const uneven = series.findIndex(({ values }) => values.length !== labels.length)
  if (uneven >= 0) {
    return `Series ${uneven + 1} has ${series[uneven]!.values.length} values for ${labels.length} labels: give one value for each label.`
  }
  if (type !== "pie") return undefined
  if (series.length > 1) return "A pie chart must have exactly one series."
  const values = series[0]!.values.map((value) => value ?? 0)
  if (values.some((value) => value < 0) || values.every((value) => value === 0)) {
    return "The values of a pie chart must not be negative, and at least one must not be zero."
  }
  return undefined
}
