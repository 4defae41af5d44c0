/**
 * `npm test`: the tests of core with its coverage, all other tests, the type tests, the lines that
 * are covered, then one line that counts all tests. `npm test -- --coverage` measures every
 * package. With other arguments (`npm test -- packages/core`) they go to vitest, and there is
 * neither coverage nor a type test.
 *
 * Each measured package has a separate run, because its own tests have to cover it. Coverage is
 * expensive (core's tests use 140 s of CPU instead of 82), so `npm test` measures only core.
 *
 * Exits with 0 only when at least one test ran, none failed, and every tool succeeded (coverage
 * included).
 */
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { root, run } from "./run.mjs"

const args = process.argv.slice(2)
const measuresAll = args.length === 1 && args[0] === "--coverage"
const everything = args.length === 0 || measuresAll
// Core first: its report is in the folder of the others, which vitest empties first.
const measured = measuresAll ? readdirSync(join(root, "packages")).sort() : ["core"]
const problems = []

/**
 * The counts in vitest's JSON report; a file that failed outside its tests, in a hook or an import,
 * counts as one failed test.
 */
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

/** Skipped tests: their groups by file, because the name of a group states what it requires. */
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

/**
 * Which tests failed, each with its first line of the reason: the last page of a long log has them
 * all.
 */
const failures = []
const noteFailures = (report) => {
  for (const { assertionResults, message, name, status } of report.testResults) {
    const failed = assertionResults.filter((test) => test.status === "failed")
    for (const { failureMessages, fullName } of failed) failures.push([name, fullName, failureMessages[0]])
    if (status === "failed" && failed.length === 0) failures.push([name, "outside its tests", message])
  }
}
const listFailures = () =>
  failures.map(([file, test, reason = ""]) => `failed ${relative(root, file)}: ${test}\n  ${reason.split("\n", 1)[0]}`)

/**
 * Shared by the processes of all tests; the tests of the command use 54 s of CPU with it instead of
 * 66.
 */
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
    noteFailures(report)
    if (code !== 0 && counts.failed === 0) {
      problems.push(
        "No test failed, but vitest reported a failure: the coverage is too low, or there was an error outside the tests."
      )
    }
    return counts
  } catch (error) {
    problems.push(`vitest wrote no report: ${error.message}`)
    return { passed: 0, failed: 0, skipped: 0 }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * tstyche has no report in JSON; its summary has a line such as `Tests:  1 failed, 2 skipped, 5
 * passed, 8 total`.
 */
const runTypeTests = async () => {
  if (globSync("packages/*/typetest/*.tst.ts", { cwd: root }).length === 0) return { passed: 0, failed: 0, skipped: 0 }
  const { code, output } = await run("tstyche", [], {
    capture: true,
    // TypeScript 7 has no compiler API; without this tstyche would download the last TypeScript
    // that has one.
    env: { TSTYCHE_TYPESCRIPT_MODULE: "typescript-6", TSTYCHE_NO_COLOR: "true" }
  })
  const line = /^Tests:.*$/m.exec(output)?.[0] ?? ""
  const number = (word) => Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0)
  const failed = number("failed")
  if (code !== 0 && failed === 0) problems.push(`tstyche ended with exit code ${code}.`)
  return { passed: number("passed"), failed, skipped: number("skipped") + number("todo") }
}

const runEverything = async () => {
  const counts = []
  for (const name of measured) counts.push(await runTests({ args: ["--coverage"], cwd: join(root, "packages", name) }))
  const others = measured.flatMap((name) => ["--project", `!${name}`])
  return [...counts, await runTests({ args: others, cwd: root }), await runTypeTests()]
}

/** A line of the coverage table; vitest has failed where coverage is too low. */
const coverageOf = (name) => {
  const file = join(root, "coverage", name === "core" ? "" : name, "coverage-summary.json")
  if (!existsSync(file)) return `  ${name.padEnd(12)} was not measured`
  const { covered, pct, total } = JSON.parse(readFileSync(file, "utf8")).total.lines
  return `  ${name.padEnd(12)}${pct.toFixed(1).padStart(6)} %${`${covered}/${total}`.padStart(12)}`
}

const runs = everything ? await runEverything() : [await runTests({ args, cwd: root })]
const coverage = everything ? ["", "Lines covered by the tests of each package:", ...measured.map(coverageOf)] : []
const total = (key) => runs.reduce((sum, counts) => sum + counts[key], 0)
const [passed, failed, skipped] = [total("passed"), total("failed"), total("skipped")]

if (passed + failed === 0) problems.push("No test ran.")
process.stdout.write(
  `${[...coverage, "", ...listFailures(), ...problems, `${passed} passed, ${failed} failed, ${skipped} skipped`].join("\n")}\n`
)
process.exitCode = failed === 0 && problems.length === 0 ? 0 : 1
