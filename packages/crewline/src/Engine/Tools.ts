/** The tools and the files of a client. */
import * as Crew from "@crewline/core/Crew"
import * as Tool from "@crewline/core/Tool"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Workspace from "@crewline/core/Workspace"
import * as Calculate from "@crewline/tools/Calculate"
import * as FileRead from "@crewline/tools/FileRead"
import * as NodeFileSystem from "@effect/platform-node-shared/NodeFileSystem"
import * as NodePath from "@effect/platform-node-shared/NodePath"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Options } from "../Client.ts"
import type { Any as AnyTool } from "../Tool.ts"

const node = Layer.merge(NodeFileSystem.layer, NodePath.layer)

/** The given tools and the built-in ones; a given tool replaces a built-in one of the same name. */
export const toolbox = ({ tools = [], workspace }: Options): Layer.Layer<Toolbox.Toolbox, unknown> => {
  if (!isList(tools)) return tools
  const given = tools.map(toolOf)
  const names = new Set(given.map(({ name }) => name))
  const reading = typeof workspace === "string" ? Effect.map(FileRead.make({ workspace }), (tool) => [tool]) : none
  return Layer.effect(
    Toolbox.Toolbox,
    Effect.map(reading, (files) =>
      Toolbox.make([...[...files, Calculate.tool].filter(({ name }) => !names.has(name)), ...given])
    )
  ).pipe(Layer.provide(node))
}

/** The message names what `file_read` needs, where a crew that uses it has no workspace. */
export const explain = (error: unknown, { tools = [], workspace }: Options): unknown => {
  if (!(error instanceof Crew.CrewInvalid) || typeof workspace === "string" || !isList(tools)) return error
  const absent = /the tool "file_read", which does not exist:/
  const problems = error.problems.map((problem): Crew.Problem => {
    if (problem.code !== "unknown-tool" || !absent.test(problem.message)) return problem
    const [place = ""] = problem.message.split(absent)
    const message = `${place}the tool "file_read", which needs the option workspace: the directory that it may read`
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

const none = Effect.succeed<ReadonlyArray<Toolbox.Tool>>([])

const isList = (tools: NonNullable<Options["tools"]>): tools is ReadonlyArray<AnyTool> => Array.isArray(tools)

const toolOf = (tool: AnyTool): Toolbox.Tool => ("~build" in tool ? tool["~build"](Tool) : tool)

/** Where output files are written to. */
export const workspace = ({ workspace: given }: Options): Layer.Layer<Workspace.Workspace, unknown> => {
  if (given === undefined) return Workspace.layerNone
  return typeof given === "string" ? Layer.provide(Workspace.layer({ directory: given }), node) : given
}
