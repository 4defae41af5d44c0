/**
 * What every test project of the workspace has in common. Tests run straight from the TypeScript
 * sources: `exports` in each package.json points at `src`, so nothing has to be built first.
 */
import { join } from "node:path"
import type { ViteUserConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

const second = 1_000

/**
 * The files that take more than ten seconds, the longest first. One that is missing here costs
 * time, nothing else.
 */
const longest = [
  "packages/server/test/Crash.integration.test.ts",
  "packages/server/test/Cli.test.ts",
  "packages/core/test/Protocol.test.ts",
  "packages/core/test/Waits.test.ts",
  "test/Docs.test.ts",
  "test/Packages.test.ts",
  "test/DocsRecipes.test.ts",
  "packages/server/test/Approvals.integration.test.ts",
  "packages/server/test/SentinelFailover.integration.test.ts",
  "packages/queue-redis/test/RedisTaskQueue/Model.integration.test.ts",
  "packages/server/test/Workers.integration.test.ts",
  "packages/memory-pg/test/Outbox.integration.test.ts",
  "packages/server/test/Watchdog.test.ts",
  "packages/server/test/Failover.integration.test.ts",
  "packages/server/test/Budgets.integration.test.ts",
  "packages/server/test/Takeover.integration.test.ts",
  "packages/server/test/ProviderModels.test.ts",
  "packages/server/test/BlockedTask.integration.test.ts",
  "packages/memory-pg/test/Pages.integration.test.ts",
  "test/Fuzz.test.ts",
  "packages/server/test/Secrets.test.ts",
  "packages/server/test/Delegation.integration.test.ts",
  "packages/llm/test/SharedLimits.integration.test.ts",
  "packages/queue-redis/test/RedisTopologies.integration.test.ts",
  "packages/queue-redis/test/Simulation.integration.test.ts",
  "packages/server/test/Followers.test.ts",
  "packages/memory-pg/test/Pglite.test.ts",
  "packages/memory-pg/test/PgEventLog.integration.test.ts",
  "test/Chaos.integration.test.ts",
  "packages/core/test/CrewFile.test.ts",
  "packages/memory-pg/test/PgEventLog.test.ts",
  "packages/core/test/Scale.test.ts",
  "packages/core/test/Dag.test.ts",
  "packages/llm/test/conformance/Models.conformance.test.ts",
  "packages/core/test/Execution.test.ts",
  "packages/queue-redis/test/RedisBroadcast.integration.test.ts",
  "packages/queue-redis/test/RedisTaskQueue/Cluster.integration.test.ts"
]

/**
 * Starts with the longest files of all projects, so that no core waits for the last of them in the
 * end.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const rank = ({ moduleId }: TestSpecification) => {
      const index = longest.findIndex((file) => moduleId.endsWith(`/${file}`))
      return index === -1 ? longest.length : index
    }
    return (await super.sort(files)).toSorted((left, right) => rank(left) - rank(right))
  }
}

/**
 * One project: the tests under `test/` of the folder that holds the configuration,
 * `*.integration.test.ts` included.
 */
export const project = (name: string, include: ReadonlyArray<string> = ["test/**/*.test.ts"]): ViteUserConfig => ({
  test: {
    name,
    include: [...include],
    environment: "node",
    // Generous, for two busy cores: a test that needs more says so itself.
    testTimeout: 20 * second,
    hookTimeout: 60 * second,
    teardownTimeout: 10 * second,
    // Two cores are what the smallest machine of CI has; more workers only make timings lie, and
    // save no time.
    maxWorkers: 2
  }
})

/**
 * The project of a package. `vitest run --coverage` in its folder measures what its tests cover of
 * its sources, in their own process: what runs only in processes that they start counts as not
 * covered.
 */
export const packageProject = (
  name: string,
  {
    globalSetup,
    isolate = true,
    lines = 85,
    reportsDirectory = `../../coverage/${name}`
  }: {
    readonly globalSetup?: string
    readonly isolate?: boolean
    readonly lines?: number
    readonly reportsDirectory?: string
  } = {}
): ViteUserConfig => ({
  test: {
    ...project(name).test,
    isolate,
    ...(globalSetup !== undefined && { globalSetup }),
    sequence: { sequencer: LongestFirst },
    setupFiles: [join(import.meta.dirname, "vitest.setup.ts")],
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      // The contract suites are tests that other packages run; a barrel of `export * as` has no
      // lines of its own; text is generated.
      exclude: ["src/testing/**", "src/index.ts", "src/**/{Lua,Sql}.ts"],
      reporter: ["text-summary", "json-summary", "lcovonly"],
      reportsDirectory,
      reportOnFailure: true,
      thresholds: { lines }
    }
  }
})
