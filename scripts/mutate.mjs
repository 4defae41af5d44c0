/**
 * `npm run mutate -- queue [guard …]`: leaves out each guard of the queue's Lua scripts, one at a time, and runs the tests that talk to
 * Redis. Prints which test noticed; exits with 1 when one noticed nothing. Guards are marked in the scripts, see
 * `packages/queue-redis/test/Mutant.ts`.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { guards } from "../packages/queue-redis/test/Mutant.ts"
import { root, run } from "./run.mjs"

const [target, ...asked] = process.argv.slice(2)
const unknown = asked.filter((guard) => !guards.includes(guard))
if (target !== "queue" || unknown.length > 0) {
  process.stderr.write(
    unknown.length > 0
      ? `No such guard: ${unknown.join(", ")}. There are: ${guards.join(", ")}.\n`
      : "What is to be mutated? There is: queue.\n"
  )
  process.exit(2)
}

/** The quick one first; the other only when that noticed nothing. */
const suites = ["RedisTaskQueue.integration.test.ts", "RedisTaskQueue/Model.integration.test.ts"]

const folder = mkdtempSync(join(tmpdir(), "crewline-mutants-"))

/** The name of the first test that failed, or undefined. */
const firstFailure = async (file, guard) => {
  const report = join(folder, "report.json")
  rmSync(report, { force: true })
  const { code, output } = await run(
    "vitest",
    ["run", `test/${file}`, "--bail=1", "--testTimeout=10000", "--reporter=json", `--outputFile=${report}`],
    {
      quiet: true,
      cwd: join(root, "packages", "queue-redis"),
      env: { CREWLINE_QUEUE_RUNS: "100", ...(guard === undefined ? {} : { CREWLINE_QUEUE_MUTANT: guard }) }
    }
  )
  let results
  try {
    results = JSON.parse(readFileSync(report, "utf8"))
  } catch {
    throw new Error(`vitest has not run:\n${output}`)
  }
  const tests = results.testResults.flatMap((each) => each.assertionResults)
  const failed = tests.find(({ status }) => status === "failed")
  if (failed !== undefined) return failed.fullName
  if (!tests.some(({ status }) => status === "passed")) throw new Error(`no test has run in ${file}:\n${output}`)
  return code === 0 ? undefined : `${file} (outside its tests)`
}

const judge = async (guard) => {
  for (const file of suites) {
    const failure = await firstFailure(file, guard)
    if (failure !== undefined) return failure
  }
  return undefined
}

try {
  const failure = await judge(undefined)
  if (failure !== undefined) {
    process.stderr.write(`With every guard in place a test fails already: ${failure}\n`)
    process.exitCode = 1
  } else {
    const survivors = []
    const list = asked.length > 0 ? asked : guards
    const width = Math.max(...list.map((guard) => guard.length))
    process.stdout.write(`${"guard".padEnd(width)}  noticed by\n`)
    for (const guard of list) {
      const noticed = await judge(guard)
      if (noticed === undefined) survivors.push(guard)
      process.stdout.write(`${guard.padEnd(width)}  ${noticed ?? "NOBODY"}\n`)
    }
    process.stdout.write(
      survivors.length === 0
        ? `All ${list.length} guards are needed.\n`
        : `Nobody misses ${survivors.length} of ${list.length} guards: ${survivors.join(", ")}\n`
    )
    process.exitCode = survivors.length === 0 ? 0 : 1
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
