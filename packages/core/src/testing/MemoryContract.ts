/**
 * The contract of every memory, whatever its storage: each sentence of `Memory`'s module comment as
 * tests.
 *
 *     MemoryContract.suite("PgMemory on PGlite", layer)
 *
 * Every test has a separate tenant, so the storage may be in use by others. The tests run on the
 * real clock.
 *
 * @see Memory
 */
import { layer as withLayer } from "@effect/vitest"
import type * as Duration from "effect/Duration"
import type * as Layer from "effect/Layer"
import type * as Memory from "../Memory.ts"
import * as Adverse from "./MemoryContract/Adverse.ts"
import * as Carrying from "./MemoryContract/Carrying.ts"
import * as Changing from "./MemoryContract/Changing.ts"
import * as Forgetting from "./MemoryContract/Forgetting.ts"
import * as Knowing from "./MemoryContract/Knowing.ts"
import * as Recalling from "./MemoryContract/Recalling.ts"
import * as Refusing from "./MemoryContract/Refusing.ts"
import * as Remembering from "./MemoryContract/Remembering.ts"
import * as Retaining from "./MemoryContract/Retaining.ts"
import * as Seeing from "./MemoryContract/Seeing.ts"

export interface Options {
  /** How long the layer may take to open; default a minute. */
  readonly timeout?: Duration.Input
  /** Strange texts that are stored and searched; default 10,000. */
  readonly adverse?: number
}

/** Declares the suite; call it at the top of a test file or inside a `describe`. */
export const suite = <E>(name: string, layer: Layer.Layer<Memory.Memory, E>, options: Options = {}): void =>
  withLayer(layer, { excludeTestServices: true, timeout: options.timeout ?? "1 minute" })(name, (it) => {
    Remembering.declare(it)
    Refusing.declare(it)
    Recalling.declare(it)
    Seeing.declare(it)
    Seeing.declareChoosing(it)
    Changing.declare(it)
    Knowing.declare(it)
    Forgetting.declare(it)
    Retaining.declare(it)
    Carrying.declare(it)
    Adverse.declare(it, options.adverse ?? 10_000)
  })
