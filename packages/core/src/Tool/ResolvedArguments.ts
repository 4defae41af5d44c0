/**
 * The arguments of a call as policies, approvals and the tool receive them: declared names and
 * normalised paths.
 */
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Aliases from "./Aliases.ts"
import type { Tool, ToolRetry } from "./Definition.ts"
import * as Paths from "./Paths.ts"

/** Fails with `arguments-invalid` when two names of one argument have different values. */
export const resolve = (
  tool: Pick<Tool, "aliases" | "name" | "paths">,
  args: Schema.JsonObject
): Result.Result<Schema.JsonObject, ToolRetry> =>
  Result.map(Aliases.resolve(tool, args), (named) => Paths.normalize(tool, named))
