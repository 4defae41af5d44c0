/** The memory of a client, with promises. */
import type * as Memory from "@crewline/core/Memory"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type * as Client from "../Client.ts"

interface Running {
  readonly promise: <A, E>(effect: Effect.Effect<A, E>) => Promise<A>
  readonly iterable: <A, E>(stream: Stream.Stream<A, E>) => AsyncIterable<A>
}

/** `remembered`: waits until the outcomes of completed tasks are remembered. */
export const make = (
  memory: Memory.Memory["Service"],
  remembered: Effect.Effect<void>,
  { iterable, promise }: Running
): Client.Memories => ({
  remember: (entries) => promise(memory.remember(entries)),
  search: (query) => promise(Effect.andThen(remembered, memory.recall(query))),
  explain: (query, id) => promise(memory.explain(query, id)),
  get: (id) => promise(memory.get(id)),
  list: (options) => promise(memory.list(options)),
  pin: (id, isPinned = true) => promise(memory.pin(id, isPinned)),
  quarantine: (id, isQuarantined = true) => promise(memory.quarantine(id, isQuarantined)),
  forget: (filter) => promise(Effect.andThen(remembered, memory.forget(filter))),
  entities: (options) => promise(memory.entities(options)),
  relations: (options) => promise(memory.relations(options)),
  export: (scope) => iterable(memory.export(scope)),
  import: (exported) => promise(memory.import(exported)),
  statistics: () => promise(memory.statistics)
})
