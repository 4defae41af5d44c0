import * as NodeV8 from "node:v8"
import { runInThisContext } from "node:vm"
import { assert, it } from "@effect/vitest"
import * as BaselineCompiler from "../../src/Pglite/BaselineCompiler.ts"

/** `sum(n)`: n + (n - 1) + … + 1, in a loop. */
const sum = Buffer.from(
  "0061736d0100000001060160017f017f030201000707010373756d00000a1b011901017f0340200120006a21012000" +
    "41016b22000d000b20010b",
  "hex"
)

interface Engine {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: { readonly sum: (n: number) => number } }
}
// The types of Node do not declare it.
const { Instance, Module } = Reflect.get(globalThis, "WebAssembly") as Engine

NodeV8.setFlagsFromString("--allow-natives-syntax")
// A function of V8 that can be named only in text.
const isOptimized: (f: unknown) => boolean = runInThisContext("(f) => %IsTurboFanFunction(f)")

let modules = 0

/** Whether a new module is optimized under load. */
const optimizes = async () => {
  // A section without meaning, because V8 compiles the same bytes only once.
  const { exports } = new Instance(new Module(Uint8Array.from([...sum, 0, 2, 0, modules++])))
  assert.strictEqual(exports.sum(10), 55)
  for (let round = 0; round < 100; round++) {
    for (let call = 0; call < 100; call++) exports.sum(1_000)
    if (isOptimized(exports.sum)) return true
    await new Promise((done) => setTimeout(done, 5))
  }
  return false
}

it("no module is optimized while it is in use, and other modules are afterwards", async () => {
  assert.isTrue(await optimizes())
  const during = await BaselineCompiler.use(() => Promise.all([optimizes(), BaselineCompiler.use(optimizes)]))
  assert.deepStrictEqual(during, [false, false])
  assert.isTrue(await optimizes())
  await BaselineCompiler.use(() => Promise.reject(new Error("no start"))).catch(() => {})
  assert.isTrue(await optimizes())
})
