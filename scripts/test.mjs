/**
 * `npm test`: the tests of core with its coverage, all other tests, the type tests, then one line that counts them all. With
 * arguments (`npm test -- packages/core`) they go to vitest, and there is neither coverage nor a type test.
 *
 * Core has a run of its own because coverage is dear: core's tests use 140 s of CPU instead of 82, and for the same reason vitest
 * forbids Node's compile cache to every process that tests start: the start of a server uses 1.3 s instead of 0.75 then.
 *
 * Exits with 0 only when at least one test ran, none failed, and every tool was content (coverage included).
 */
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { root, run } from "./run.mjs"

const filters = process.argv.slice(2)
const everything = filters.length === 0
const problems = []

/** What vitest's JSON report says; a file that failed outside its tests, in a hook or an import, counts as one failed test. */
const count = (report) => {
  const broken = report.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.every(({ status }) => status !== "failed")
  )
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests
  }
}

/** Which tests did not run: their groups by file, because the name of a group says what it would have needed. */
const listSkipped = (report) => {
  const groups = new Map()
  for (const file of report.testResults) {
    for (const { status, ancestorTitles, title } of file.assertionResults) {
      if (status === "passed" || status === "failed") continue
      const group = `${relative(root, file.name)}: ${ancestorTitles[0] ?? title}`
      groups.set(group, (groups.get(group) ?? 0) + 1)
    }
  }
  for (const [group, tests] of groups) process.stdout.write(`skipped ${tests} in ${group}\n`)
}

/** Shared by the processes of all tests; the tests of the command use 54 s of CPU with it instead of 66. */
const compileCache = process.env.NODE_COMPILE_CACHE ?? join(root, "node_modules", ".cache", "node-compile")

const runTests = async ({ args, cwd }) => {
  const folder = mkdtempSync(join(tmpdir(), "crewline-test-"))
  const file = join(folder, "report.json")
  try {
    const { code } = await run(
      "vitest",
      ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${file}`, ...args],
      { cwd, env: { NODE_COMPILE_CACHE: compileCache } }
    )
    const report = JSON.parse(readFileSync(file, "utf8"))
    const counts = count(report)
    listSkipped(report)
    if (code !== 0 && counts.failed === 0) {
      problems.push(
        "No test failed, but vitest is not content: too little is covered, or there was an error outside the tests."
      )
    }
    return counts
  } catch (error) {
    problems.push(`vitest left no report: ${error.message}`)
    return { passed: 0, failed: 0, skipped: 0 }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** tstyche has no report in JSON; its summary has a line such as `Tests:  1 failed, 2 skipped, 5 passed, 8 total`. */
const runTypeTests = async () => {
  if (globSync("packages/*/typetest/*.tst.ts", { cwd: root }).length === 0) return { passed: 0, failed: 0, skipped: 0 }
  const { code, output } = await run("tstyche", [], {
    capture: true,
    // TypeScript 7 has no compiler API; without this tstyche would download the last TypeScript that has one.
    env: { TSTYCHE_TYPESCRIPT_MODULE: "typescript-6", TSTYCHE_NO_COLOR: "true" }
  })
  const line = /^Tests:.*$/m.exec(output)?.[0] ?? ""
  const number = (word) => Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0)
  const failed = number("failed")
  if (code !== 0 && failed === 0) problems.push(`tstyche ended with exit code ${code}.`)
  return { passed: number("passed"), failed, skipped: number("skipped") + number("todo") }
}

const runEverything = async () => [
  await runTests({ args: ["--coverage"], cwd: join(root, "packages", "core") }),
  await runTests({ args: ["--project", "!core"], cwd: root }),
  await runTypeTests()
]

const runs = everything ? await runEverything() : [await runTests({ args: filters, cwd: root })]
const total = (key) => runs.reduce((sum, counts) => sum + counts[key], 0)
const [passed, failed, skipped] = [total("passed"), total("failed"), total("skipped")]

if (passed + failed === 0) problems.push("No test ran.")
process.stdout.write(`${["", ...problems, `${passed} passed, ${failed} failed, ${skipped} skipped`].join("\n")}\n`)
process.exitCode = failed === 0 && problems.length === 0 ? 0 : 1
