/** A memory in process of which some operations do something else. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Memory from "../../src/Memory.ts"

export const make = (operations: Partial<Memory.Memory["Service"]> = {}): Memory.Memory["Service"] => ({
  ...Context.get(Effect.runSync(Effect.scoped(Layer.build(Layer.fresh(Memory.layerLocal)))), Memory.Memory),
  ...operations
})
