/**
 * Runs the code without one of its parts, each in turn.
 *
 * `npm run mutate -- queue [guard …]`: leaves out each guard of the queue's Lua scripts and runs
 * the tests that talk to Redis. Prints which test failed; exits with 1 when no test failed for a
 * guard. Guards are marked in the scripts, see `packages/queue-redis/test/Mutant.ts`.
 *
 * `npm run mutate -- tenants`: leaves out each `tenant = …` and runs what two tenants can do. No
 * result may change, because row security still applies; exits with 1 when one does. Prints whether
 * a result changes for the owner of the tables, who bypasses the policies: if none ever did, the
 * runs would prove nothing.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { guards } from "../packages/queue-redis/test/Mutant.ts"
import { all as mutants } from "../packages/server/test/tenants/Mutants.ts"
import { root, run } from "./run.mjs"

/** The quick one first; the other only if no test of the first failed. */
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

/** The guards whose removal no test detects. */
const mutateQueue = async (asked) => {
  const unknown = asked.filter((guard) => !guards.includes(guard))
  if (unknown.length > 0) {
    process.stderr.write(`Unknown guard: ${unknown.join(", ")}. Available guards: ${guards.join(", ")}.\n`)
    return 2
  }
  const failure = await judge(undefined)
  if (failure !== undefined) {
    process.stderr.write(`With every guard in place a test fails already: ${failure}\n`)
    return 1
  }
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
      : `No test needs ${survivors.length} of ${list.length} guards: ${survivors.join(", ")}\n`
  )
  return survivors.length === 0 ? 0 : 1
}

/** The predicates that the policies do not compensate for. */
const mutateTenants = async () => {
  const outcomes = async (parts, number) => {
    const scenario = join(root, "packages", "server", "test", "tenants", "run.ts")
    const { code, output } = await run("node", [scenario, ...parts], {
      quiet: true,
      env: number === undefined ? {} : { CREWLINE_TENANT_MUTANT: String(number) }
    })
    const [confined, asOwner] = output.split("\n").filter((line) => line.startsWith("[["))
    if (code !== 0 || asOwner === undefined) throw new Error(`the scenario has not run:\n${output}`)
    return { confined, asOwner }
  }
  const known = new Map()
  const expectedOf = async (parts) => {
    const expected = await outcomes(parts)
    if (expected.confined !== expected.asOwner)
      throw new Error(`With every predicate in place the policies change results: ${parts.join(", ")}.`)
    return expected
  }
  const broken = []
  let matter = 0
  process.stdout.write("confined   owner      predicate\n")
  const judgeTenants = async ({ name, parts }, number) => {
    const key = parts.join()
    if (!known.has(key)) known.set(key, expectedOf(parts))
    const expected = await known.get(key)
    const word = (outcome) => (outcome === expected.confined ? "the same" : "OTHERWISE").padEnd(11)
    const { asOwner, confined } = await outcomes(parts, number)
    if (confined !== expected.confined) broken.push(name)
    if (asOwner !== expected.confined) matter++
    process.stdout.write(`${word(confined)}${word(asOwner)}${name}\n`)
  }
  const left = [...mutants.entries()]
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await judgeTenants(next[1], next[0])
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  process.stdout.write(
    `Without one of ${mutants.length} predicates ${broken.length} results change under row security, ${matter} without it.\n`
  )
  return broken.length === 0 && matter > 0 ? 0 : 1
}

const targets = { queue: mutateQueue, tenants: mutateTenants }
const [target, ...asked] = process.argv.slice(2)
try {
  const mutate = targets[target]
  if (mutate === undefined)
    process.stderr.write(`Missing target. Available targets: ${Object.keys(targets).join(", ")}.\n`)
  process.exitCode = mutate === undefined ? 2 : await mutate(asked)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
