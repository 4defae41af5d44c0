/**
 * The tool `calculate`: exact arithmetic for models, which are bad at it. It can run only
 * arithmetic.
 */
import type * as Toolbox from "@crewline/core/Toolbox"
import { ToolRetry } from "@crewline/core/Toolbox"
import * as Schema from "effect/Schema"
import * as BuiltIn from "./BuiltIn.ts"
import * as Arithmetic from "./Calculate/Arithmetic.ts"

/**
 * Computes `{ expression }`; the result is a number. A mistake is shown to the model with its
 * position.
 */
export const tool: Toolbox.Tool = BuiltIn.make({
  name: "calculate",
  description: `Computes arithmetic, also % ^ pi e ${Arithmetic.functionNames.join(" ")}`,
  parameters: Schema.Struct({ expression: Schema.NonEmptyString }),
  aliases: { expr: "expression", formula: "expression", input: "expression" },
  kind: "read",
  idempotent: true,
  origin: "agent",
  execute: ({ expression }) => {
    try {
      return Arithmetic.evaluateUnsafe(expression)
    } catch (error) {
      if (error instanceof Arithmetic.ArithmeticError) throw new ToolRetry({ message: marked(expression, error) })
      throw error
    }
  }
})

const before = 40
const after = 30

/** The message, and below it the part of the expression with a mark under the position. */
const marked = (expression: string, { message, position }: Arithmetic.ArithmeticError): string => {
  const line = expression.replace(/\s/g, " ")
  const start = Math.max(0, position - before)
  const prefix = start > 0 ? "…" : ""
  const shown = `${prefix}${line.slice(start, position + after)}${position + after < line.length ? "…" : ""}`
  return `${message} (at character ${position + 1})\n${shown}\n${" ".repeat(prefix.length + position - start)}^`
}
