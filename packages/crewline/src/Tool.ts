/**
 * Declares tools: a name, a description, a schema of the arguments and a function. An invalid
 * declaration (a name with spaces, arguments without a JSON Schema) is a `TypeError` when it is
 * first passed to a client.
 */
import type * as CoreTool from "@crewline/core/Tool"
import type * as Toolbox from "@crewline/core/Toolbox"
import type * as Schema from "effect/Schema"

/** A declared tool. */
export interface Tool {
  readonly name: string
  readonly description: string
  /** Creates the tool of `@crewline/core`; the same one each time. */
  readonly "~build": (core: typeof CoreTool) => Toolbox.Tool
}

/** A tool of this package, or of `@crewline/core`. */
export type Any = Tool | Toolbox.Tool

type None = { readonly type: "object"; readonly additionalProperties: false }

/**
 * Makes a tool. Its parameters are a Zod schema, another Standard Schema, an Effect Schema or a
 * JSON Schema; without a schema it takes no arguments. Arguments are validated before the function
 * runs.
 */
export const make: {
  <const P extends CoreTool.Parameters = None, const A extends CoreTool.Parameters = Schema.Decoder<string>>(
    options: CoreTool.AskOptions<P, A>
  ): Tool
  <const P extends CoreTool.Parameters = None>(options: CoreTool.SpawnOptions<P>): Tool
  <const P extends CoreTool.Parameters = None>(options: CoreTool.WaitOptions<P>): Tool
  <const P extends CoreTool.Parameters = None>(options: CoreTool.Options<P>): Tool
} = (options: Pick<CoreTool.Options<CoreTool.Parameters>, "name" | "description">): Tool => {
  let built: Toolbox.Tool | undefined
  const { description, name } = options
  // `core.make` infers the kind of tool from the functions that it has.
  const whole = options as CoreTool.Options<CoreTool.Parameters>
  return Object.freeze({ name, description, "~build": (core: typeof CoreTool) => (built ??= core.make(whole)) })
}
