/**
 * `npm run check`: all static checks of the code: generated modules, format, lint, types, unused
 * code, the OpenAPI document, and the packed packages as users will install them. Every check runs,
 * even after one has failed; the last lines name those that failed. `npm run check -- lint types`
 * runs only these.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { initialDatabase } from "./initial-database.mjs"
import { generated } from "./generate.mjs"
import { pack } from "./pack.mjs"
import { root, run } from "./run.mjs"
import * as Runtimes from "./runtimes.mjs"

/** Runs the commands one after the other and stops at the first that fails. */
const all =
  (...commands) =>
  async () => {
    for (const [command, ...args] of commands) if ((await run(command, args)).code !== 0) return false
    return true
  }

const packages = async () => {
  const folder = mkdtempSync(join(tmpdir(), "crewline-packed-"))
  try {
    let good = true
    for (const { name, tarball } of await pack(folder)) {
      const lint = await run("publint", ["run", tarball, "--strict"], { quiet: true })
      // Our packages are ESM only; Node >= 22 can `require` them, which test/Packages.test.ts
      // tries.
      const types = await run("attw", [tarball, "--profile", "esm-only", "--no-emoji"], { quiet: true })
      for (const { code, output } of [lint, types]) {
        if (code !== 0) process.stdout.write(`${name}:\n${output}\n`)
        good &&= code === 0
      }
    }
    return good
  } catch (error) {
    process.stdout.write(`${error.message}\n`)
    return false
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const upToDate = async () => {
  try {
    const stale = [...generated(root), await initialDatabase(root)].filter(({ isStale }) => isStale)
    for (const { file } of stale) process.stdout.write(`${file} is stale: run npm run generate\n`)
    return stale.length === 0
  } catch (error) {
    process.stdout.write(`${error.message}\n`)
    return false
  }
}

const openapi = async () => {
  // Takes a second to load, which the other checks need not wait for.
  const { lintServer } = await import("./openapi.mjs")
  const problems = await lintServer()
  for (const problem of problems) process.stdout.write(`${problem}\n`)
  return problems.length === 0
}

const checks = {
  generated: upToDate,
  format: all(["oxfmt", "--check", "."]),
  lint: all(["oxlint", "--type-aware"]),
  types: all(["tsc", "-b"], ["tsc", "-p", "tsconfig.test.json"]),
  unused: all(["knip", "--no-config-hints"]),
  openapi,
  packages
}

/** Only when requested, because they download something. */
const others = {
  runtimes: async () => {
    try {
      return await Runtimes.check()
    } catch (error) {
      process.stdout.write(`${error.message}\n`)
      return false
    }
  }
}

const asked = process.argv.slice(2)
const known = { ...checks, ...others }
const unknown = asked.filter((name) => !Object.hasOwn(known, name))
if (unknown.length > 0) {
  process.stderr.write(`Unknown check: ${unknown.join(", ")}. Available checks: ${Object.keys(known).join(", ")}.\n`)
  process.exit(2)
}

const failed = []
for (const [name, check] of Object.entries(known)) {
  if (asked.length > 0 ? !asked.includes(name) : !Object.hasOwn(checks, name)) continue
  process.stdout.write(`--- ${name}\n`)
  const started = performance.now()
  const good = await check()
  process.stdout.write(
    `--- ${name}: ${good ? "good" : "FAILED"} (${((performance.now() - started) / 1000).toFixed(1)} s)\n`
  )
  if (!good) failed.push(name)
}

process.stdout.write(failed.length === 0 ? "Checks: all good\n" : `Checks FAILED: ${failed.join(", ")}\n`)
process.exitCode = failed.length === 0 ? 0 : 1
