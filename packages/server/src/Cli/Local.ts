/**
 * Crewline in this process, for one execution: in memory, or in the embedded database of a
 * directory, where executions that a crash left unfinished continue.
 */
import * as Crewline from "@crewline/core/Crewline"
import * as Generator from "@crewline/core/Generator"
import * as Embedder from "@crewline/core/Embedder"
import * as LocalEventLog from "@crewline/core/LocalEventLog"
import * as LocalTaskQueue from "@crewline/core/LocalTaskQueue"
import * as Memory from "@crewline/core/Memory"
import * as GuardedDirectory from "@crewline/tools/GuardedDirectory"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import * as Journal from "../Journal.ts"
import * as Failure from "./Failure.ts"
import * as Models from "./Models.ts"
import * as Tools from "./Tools.ts"

export interface Options {
  /** Of the embedded database; absent: everything is in memory. */
  readonly directory: string | undefined
  /** The only directory that tools read and output files are written to. */
  readonly workspace: string
  /** The embedder for memories; absent: memory recalls by words. */
  readonly embedder: Embedder.Embedder["Service"] | undefined
  /** Stream the answers of models, which is useful only when someone watches. */
  readonly streaming: boolean
}

/** PGlite is megabytes of WebAssembly, so it is loaded only when needed. */
const durable = (directory: string, embedder: Options["embedder"]) =>
  Layer.unwrap(
    Effect.promise(async () => {
      const [Database, PgEventLog, PgMemory] = await Promise.all([
        import("@crewline/memory-pg/Database"),
        import("@crewline/memory-pg/PgEventLog"),
        import("@crewline/memory-pg/PgMemory")
      ])
      return Layer.merge(PgEventLog.layer, PgMemory.layerWith(embedder)).pipe(
        Layer.provide(Database.layer({ kind: "embedded", directory, vectors: embedder !== undefined }))
      )
    })
  )

const inMemory = (embedder: Options["embedder"]) =>
  Layer.merge(
    LocalEventLog.layerLocal,
    embedder === undefined
      ? Memory.layerLocal
      : Layer.provide(Memory.layerLocalEmbedded, Layer.succeed(Embedder.Embedder, embedder))
  )

/** In the current scope; failures to start are readable messages. */
export const build = Effect.fnUntraced(function* ({ directory, embedder, streaming, workspace }: Options) {
  const stored = directory === undefined ? inMemory(embedder) : durable(directory, embedder)
  // A person who watches sees failures; log lines are only for those who request them.
  const isQuiet = LogLevel.isGreaterThan(yield* References.MinimumLogLevel, "Info")
  return yield* Layer.build(
    Crewline.layer({ worker: { streaming }, crews: [Generator.crew] }).pipe(
      Layer.provide([
        isQuiet ? stored : Journal.layerJournaled(stored),
        LocalTaskQueue.layerLocal,
        GuardedDirectory.layer({ directory: workspace })
      ]),
      Layer.provideMerge([Models.layer, Tools.layer])
    )
  ).pipe(Effect.mapError(Failure.because))
})
