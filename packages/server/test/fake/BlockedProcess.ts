/** A process with a watchdog of one second that blocks as its argument says. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Watchdog from "../../src/Watchdog.ts"

const blockedForEver = (how: string | undefined): void => {
  if (how === "loop") for (;;);
  if (how === "regex") /^(a+)+$/.test(`${"a".repeat(60)}!`)
  if (how === "wait") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  if (how === "a while") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000)
  if (how === "native") for (const text = "[".repeat(3e6) + "]".repeat(3e6); ;) JSON.parse(text)
}

const [how] = process.argv.slice(2)
process.on("SIGTERM", () => process.stdout.write("SIGTERM was handled\n"))
process.on(Watchdog.blocked, () => process.stderr.write("collected\n"))
setTimeout(() => {
  process.stdout.write("blocking\n")
  blockedForEver(how)
}, 300)
setTimeout(() => {
  process.stdout.write("still here\n")
  process.exit(0)
}, 6_000)
await Effect.runPromise(
  Effect.scoped(Effect.andThen(Layer.build(Watchdog.layerMax(Duration.seconds(1))), Effect.never))
)
