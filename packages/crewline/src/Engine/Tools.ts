/** The tools and the files of a client. */
import * as Crew from "@crewline/core/Crew"
import * as Tool from "@crewline/core/Tool"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Workspace from "@crewline/core/Workspace"
import * as Tools from "@crewline/tools"
import * as GuardedDirectory from "@crewline/tools/GuardedDirectory"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Options } from "../Client.ts"
import type { Any as AnyTool } from "../Tool.ts"

/** The given tools and the built-in ones; a given tool replaces a built-in one of the same name. */
export const toolbox = ({ tools = [], workspace }: Options): Layer.Layer<Toolbox.Toolbox, unknown> => {
  if (!isList(tools)) return tools
  const given = tools.map(toolOf)
  const names = new Set(given.map(({ name }) => name))
  return Layer.effect(
    Toolbox.Toolbox,
    Effect.map(Tools.config, (configured) => {
      const builtIn = Tools.make(configured).filter((tool) => workspace !== undefined || !Tools.usesFiles(tool.name))
      return Toolbox.make([...builtIn.filter(({ name }) => !names.has(name)), ...given])
    })
  )
}

/** Explains, if a crew uses a file tool but has no workspace, which option is missing. */
export const explain = (error: unknown, { tools = [], workspace }: Options): unknown => {
  if (!(error instanceof Crew.CrewInvalid) || typeof workspace === "string" || !isList(tools)) return error
  const absent = /the tool "(\w+)", which does not exist:/
  const problems = error.problems.map((problem): Crew.Problem => {
    const [place = "", name = ""] = problem.message.split(absent)
    if (problem.code !== "unknown-tool" || !Tools.usesFiles(name)) return problem
    const message = `${place}the tool "${name}", which requires the option workspace: the directory that it can use`
    const { suggestion: _, ...others } = problem
    return { ...others, message }
  })
  const { filename, more } = error
  return new Crew.CrewInvalid({
    problems,
    ...(filename !== undefined && { filename }),
    ...(more !== undefined && { more })
  })
}

const isList = (tools: NonNullable<Options["tools"]>): tools is ReadonlyArray<AnyTool> => Array.isArray(tools)

const toolOf = (tool: AnyTool): Toolbox.Tool => ("~build" in tool ? tool["~build"](Tool) : tool)

/** Where output files are written to. */
export const workspace = ({ workspace: given }: Options): Layer.Layer<Workspace.Workspace, unknown> => {
  if (given === undefined) return Workspace.layerNone
  return typeof given === "string" ? GuardedDirectory.layer({ directory: given }) : given
}
