#!/usr/bin/env node
/**
 * The `crewline` command. Plain JavaScript that any Node can read: on one that is too old it goes
 * on with the newer Node that came with the project (npm package `node`), or says what is missing.
 */
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import * as module from "node:module"
import { constants } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { stripVTControlCharacters } from "node:util"

const require = module.createRequire(import.meta.url)
const oldest = [22, 19]
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)

/** The `node` of the npm package of that name, if the project has it. */
const projectNode = () => {
  try {
    const folder = join(require.resolve("node/package.json"), "..", "bin")
    return ["node", "node.exe"].map((name) => join(folder, name)).find((file) => existsSync(file))
  } catch {
    return undefined
  }
}

/** What needs nothing to be loaded: the version, and the help of a command. */
const answer = () => {
  const words = process.argv.slice(2)
  const flag = words.pop()
  if (words.length === 0 && (flag === "--version" || flag === "-v")) {
    return `crewline v${require("../package.json").version}`
  }
  if (flag !== "--help" && flag !== "-h") return undefined
  const help = require("./help.json")[words.join(" ")]
  const hasColors = process.stdout.isTTY && process.stdout.hasColors() && !process.env.NO_COLOR
  return help === undefined || hasColors ? help : stripVTControlCharacters(help)
}

const said = answer()
if (said !== undefined) console.log(said)
else if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) {
  // Keeps compiled code between starts.
  module.enableCompileCache?.()
  // Before the rest is loaded, which is when it would grow.
  if (["serve", "start"].includes(process.argv[2])) (await import("@crewline/server/YoungGeneration")).hold()
  const { main } = await import("@crewline/server/Cli")
  // It is written at the end; a process that is killed has none, and what is loaded later is most
  // of it.
  for (const millis of [1_000, 3_000, 10_000]) setTimeout(() => module.flushCompileCache?.(), millis).unref()
  main({ version: require("../package.json").version })
} else {
  const node = projectNode()
  if (node === undefined) {
    process.stderr.write(`crewline needs Node ${oldest.join(".")} or newer; this is ${process.version}.\n`)
    process.exit(1)
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" })
  // Control-C in a terminal reaches the child by itself; a signal sent to this process alone has to
  // be passed on.
  process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"))
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal))
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
}
