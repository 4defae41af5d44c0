/**
 * Output of a schema in the words of OpenAI: chat completions and responses say the same of it, in
 * different places.
 */
import type { Request } from "@crewline/core/Llm"
import * as SchemaDialect from "../Provider/SchemaDialect.ts"
import * as StrictSchema from "./StrictSchema.ts"

export interface SchemaFormat {
  readonly name: string
  readonly schema: { [key: string]: unknown }
  readonly strict: boolean
}

/**
 * The format for a request. OpenAI binds only the last answer by it. Many compatible servers bind
 * every word of a model, so that it cannot call a tool any more: they are told once no tool can be
 * called.
 */
export const ofRequest = (request: Request, isOpenAi: boolean): SchemaFormat | undefined => {
  const { output, toolChoice, tools } = request
  const callable = tools.length > 0 && toolChoice !== "none"
  return output === undefined || (callable && !isOpenAi) ? undefined : of(output)
}

/**
 * Providers take objects at the root only; another root is left to the prompt and to the caller's
 * validation.
 */
const of = ({ name, schema }: NonNullable<Request["output"]>): SchemaFormat | undefined =>
  schema["type"] === "object"
    ? {
        name: name.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 64) || "output",
        schema: SchemaDialect.withoutDialect(schema),
        strict: StrictSchema.qualifies(schema)
      }
    : undefined
