/**
 * Counts the work of executions of 200 tasks and of sixteen times as many; prints one line of JSON
 * with all counts.
 */
import * as Work from "../../../../fuzz/Work.ts"

// Only imports after counting starts are counted.
const Shapes = await import("./Shapes.ts")
const size = 200

const counts = []
for (const [name, shape] of Object.entries(Shapes.all)) {
  await Shapes.run(shape, size)
  const once = await Work.count(() => Shapes.run(shape, size))
  const sixteenfold = await Work.count(() => Shapes.run(shape, size * 16))
  counts.push({ name, once, sixteenfold })
}
process.stdout.write(`${JSON.stringify(counts)}\n`)
