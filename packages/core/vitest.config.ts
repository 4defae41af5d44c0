import { defineConfig } from "vitest/config"
import { LongestFirst, project } from "../../vitest.shared.ts"

/** `vitest run --coverage` here measures what the tests of core cover of it. */
export default defineConfig({
  test: {
    ...project("core").test,
    sequence: { sequencer: LongestFirst },
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      // The contract suites are tests that other packages run; a barrel of `export * as` has no lines of its own.
      exclude: ["src/testing/**", "src/index.ts"],
      reporter: ["text-summary", "json-summary", "lcovonly"],
      reportsDirectory: "../../coverage",
      reportOnFailure: true,
      thresholds: { lines: 90 }
    }
  }
})
