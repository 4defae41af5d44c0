/**
 * Built-in tools, and the layer that offers them to every crew of an application.
 */
import * as Toolbox from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type * as Path from "effect/Path"
import * as Calculate from "./Calculate.ts"
import * as FileRead from "./FileRead.ts"

export * as Calculate from "./Calculate.ts"
export * as FileRead from "./FileRead.ts"

export interface Options extends FileRead.Options {
  /** The application's own tools, offered next to the built-in ones. */
  readonly tools?: ReadonlyArray<Toolbox.Tool>
}

/** All built-in tools. */
export const make = (
  options: FileRead.Options
): Effect.Effect<ReadonlyArray<Toolbox.Tool>, never, FileSystem.FileSystem | Path.Path> =>
  Effect.map(FileRead.make(options), (fileRead) => [fileRead, Calculate.tool])

/** A toolbox with all built-in tools. */
export const layer = (options: Options): Layer.Layer<Toolbox.Toolbox, never, FileSystem.FileSystem | Path.Path> =>
  Layer.effect(
    Toolbox.Toolbox,
    Effect.map(make(options), (tools) => Toolbox.make([...tools, ...(options.tools ?? [])]))
  )
