import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    projects: ["packages/*", "examples", "test"],
    maxWorkers: 2,
    coverage: {
      provider: "v8",
      include: ["packages/core/src/**/*.ts"],
      // The contract suites are tests that other packages run; a barrel of `export * as` has no lines of its own.
      exclude: ["packages/core/src/testing/**", "packages/core/src/index.ts"],
      reporter: ["text-summary", "json-summary", "lcovonly"],
      reportsDirectory: "coverage",
      reportOnFailure: true,
      thresholds: { "packages/core/src/**/*.ts": { lines: 90 } }
    }
  }
})
