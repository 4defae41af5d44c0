/** A workspace in a directory, next to a file that no tool may see, and calls of tools in it. */
import { ToolContext } from "@crewline/core/testing"
import * as Tool from "@crewline/core/Tool"
import type * as Toolbox from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import * as GuardedDirectory from "../src/GuardedDirectory.ts"

/** Stands in `secret.txt`, beside the workspace. */
export const secret = "the secret outside"

export interface World {
  readonly base: string
  readonly workspace: string
  /** Writes files below the workspace, by their paths. */
  readonly write: (files: { readonly [path: string]: string | Uint8Array }) => void
  readonly context: Toolbox.ToolContext
  /** The result of a call, or `<tag> <code>: <message>`. */
  readonly call: (tool: Toolbox.Tool, args: Schema.JsonObject) => Promise<string>
  readonly remove: () => void
}

/** A world with these files. */
export const make = (files: { readonly [path: string]: string | Uint8Array } = {}): World => {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "crewline-tools-")))
  const workspace = join(base, "workspace")
  mkdirSync(workspace)
  writeFileSync(join(base, "secret.txt"), secret)
  const write: World["write"] = (more) => {
    for (const [path, content] of Object.entries(more)) {
      mkdirSync(dirname(join(workspace, path)), { recursive: true })
      writeFileSync(join(workspace, path), content)
    }
  }
  write(files)
  const context = ToolContext.make({ workspace: GuardedDirectory.make({ directory: workspace }) })
  return {
    base,
    workspace,
    write,
    context,
    call: (tool, args) => call(tool, args, context),
    remove: () => rmSync(base, { recursive: true, force: true })
  }
}

/** The result of a call as text, or `<tag> <code>: <message>`. */
export const call = (tool: Toolbox.Tool, args: Schema.JsonObject, context: Toolbox.ToolContext): Promise<string> =>
  Effect.runPromise(
    Effect.match(
      Effect.flatMap(Effect.fromResult(Tool.resolveArguments(tool, args)), (resolved) =>
        tool.execute(resolved, context)
      ),
      {
        onSuccess: (result) => (typeof result === "string" ? result : JSON.stringify(result)),
        onFailure: ({ _tag, code, message }) => `${_tag}${code === undefined ? "" : ` ${code}`}: ${message}`
      }
    )
  )
