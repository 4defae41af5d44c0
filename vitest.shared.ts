/**
 * What every test project of the workspace has in common. Tests run straight from the TypeScript sources: `exports` in each
 * package.json points at `src`, so nothing has to be built first.
 */
import type { ViteUserConfig } from "vitest/config"

const second = 1_000

/** One project: the tests under `test/` of the folder that holds the configuration, `*.integration.test.ts` included. */
export const project = (name: string, include: ReadonlyArray<string> = ["test/**/*.test.ts"]): ViteUserConfig => ({
  test: {
    name,
    include: [...include],
    environment: "node",
    // Generous, for two busy cores: a test that needs more says so itself.
    testTimeout: 20 * second,
    hookTimeout: 60 * second,
    teardownTimeout: 10 * second,
    // Two cores are what the smallest machine of CI has; more workers only make timings lie.
    maxWorkers: 2
  }
})
