/**
 * `crewline memory spaces`: the embedders whose vectors the database has, and the deletion of those
 * that are no longer used, which `crewline memory migrate` leaves behind.
 */
import * as Suggestion from "@crewline/core/Suggestion"
import * as Database from "@crewline/memory-pg/Database"
import * as PgMemory from "@crewline/memory-pg/PgMemory"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Environment from "./Environment.ts"
import * as Failure from "./Failure.ts"
import * as Output from "./Output.ts"
import * as Settings from "./Settings.ts"

export interface Options {
  readonly drop: Option.Option<string>
  readonly data: Option.Option<string>
  readonly json: boolean
}

const dropped = Effect.fnUntraced(function* (name: string, current: string) {
  if (name === current)
    return yield* Failure.invalid(
      `${name} is the embedder of CREWLINE_EMBEDDER. Start servers and workers with another one before its vectors are deleted.`
    )
  if (yield* PgMemory.dropSpace(name)) return
  const names = (yield* PgMemory.spaces).map((space) => space.name)
  const meant = Suggestion.make().closest(name, names)
  const hint = meant === undefined ? "" : ` Did you mean ${meant}?`
  return yield* Failure.invalid(`The database has no vectors of ${name}.${hint}`)
})

export const spaces = Effect.fn("MemorySpaces.spaces")(function* ({ data, drop, json }: Options) {
  const { result } = yield* Output.Output
  const current = yield* Environment.embedderReference
  const database = yield* Settings.database(data)
  const listed = yield* Effect.gen(function* () {
    if (Option.isSome(drop)) yield* dropped(drop.value, current)
    return yield* PgMemory.spaces
  }).pipe(
    Effect.provide(Database.layer(database)),
    Effect.mapError((error) => (error instanceof Failure.Failure ? error : Failure.because(error)))
  )
  if (json) return yield* result(JSON.stringify({ items: listed }))
  if (Option.isSome(drop)) return yield* result(`Deleted the vectors of ${drop.value}.`)
  if (listed.length === 0) return yield* result("The database has no vectors: memory recalls by words.")
  for (const { dimensions, name, vectors } of listed) {
    const use = name === current ? ", the embedder of CREWLINE_EMBEDDER" : ""
    yield* result(`${name}: ${vectors} vectors of ${dimensions} dimensions${use}`)
  }
}, Effect.scoped)
