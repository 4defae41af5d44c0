/**
 * Counts the work of each hostile input at one size and at sixteen times that size; prints one line
 * of JSON with all counts.
 */
import * as Work from "./Work.ts"

// Only what is imported after the counting began is counted.
const HostileInputs = await import("./HostileInputs.ts")
const size = 64

const counts = []
for (const { name, run } of HostileInputs.all) {
  run(size)
  const once = await Work.count(() => run(size))
  const sixteenfold = await Work.count(() => run(size * 16))
  const said = JSON.stringify(run(size * 16)) ?? ""
  counts.push({ name, once, sixteenfold, answerBytes: Buffer.byteLength(said) })
}
process.stdout.write(`${JSON.stringify(counts)}\n`)
