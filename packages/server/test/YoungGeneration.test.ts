import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { expect, it } from "vitest"

const module = join(import.meta.dirname, "..", "src", "YoungGeneration.ts")

/** Bytes of the young generation after many objects have survived in it. */
const sizeAfter = (calls: string, ...flags: ReadonlyArray<string>): number => {
  const script = `
    const { hold, letGrow } = await import(${JSON.stringify(module)})
    ${calls}
    const kept = []
    for (let at = 0; at < 400_000; at++) {
      kept.push({ at })
      // Garbage collections are reported between turns.
      if (at % 5_000 === 0) await new Promise((resume) => setImmediate(resume))
    }
    const { getHeapSpaceStatistics } = await import("node:v8")
    console.log(getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space").space_size)`
  return Number(execFileSync(process.execPath, [...flags, "--input-type=module", "-e", script], { encoding: "utf8" }))
}

it("keeps its initial size while it is held, unless the command line sets one", () => {
  const grown = sizeAfter("")
  expect(sizeAfter("hold()")).toBeLessThan(grown)
  expect(sizeAfter("hold(); letGrow()")).toBe(grown)
  expect(sizeAfter("hold(); letGrow(8)")).toBeLessThan(grown)
  expect(sizeAfter("hold(); letGrow(8)")).toBeGreaterThan(sizeAfter("hold()"))
  expect(sizeAfter("hold()", "--max-semi-space-size=32")).toBeGreaterThanOrEqual(grown)
})
