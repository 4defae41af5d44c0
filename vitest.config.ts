import { defineConfig } from "vitest/config"
import { LongestFirst } from "./vitest.shared.ts"

export default defineConfig({
  test: {
    projects: ["packages/*", "examples", "fake-provider", "test"],
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst }
  }
})
