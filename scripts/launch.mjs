#!/usr/bin/env node
/**
 * The entry point of every command of the repository, for a machine with only Node >= 20 and npm:
 *
 *     node scripts/launch.mjs <command> [arguments]
 *
 * It installs the dependencies with pnpm, once per lockfile, then runs the command with the Node of
 * the project (the npm package `node`). It is plain JavaScript without dependencies, because
 * nothing is installed when it starts. Its own messages go to stderr, so that stdout contains only
 * the output of the command.
 */
import { spawn, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { constants } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const path = (...parts) => join(root, ...parts)

const oldestNode = 20
const oldestProjectNode = [22, 19]

const commands = {
  start: {
    file: "packages/server/bin/crewline.mjs",
    first: ["start"],
    about: "run the example crew on a local server"
  },
  crewline: { file: "packages/server/bin/crewline.mjs", first: [], about: "the crewline command" },
  test: { file: "scripts/test.mjs", first: [], about: "every test, with the coverage of core" },
  check: {
    file: "scripts/check.mjs",
    first: [],
    about: "the static checks of verify: check [generated format lint types unused packages]"
  },
  verify: { file: "scripts/verify.mjs", first: [], about: "what CI does: static checks, then every test" },
  generate: { file: "scripts/generate.mjs", first: [], about: "write .lua and .sql files into TypeScript modules" },
  bench: { file: "bench/run.ts", first: [], about: "one benchmark: bench <name> [--json]" },
  chaos: {
    file: "chaos/run.ts",
    first: [],
    about: "worker processes killed, Redis emptied: chaos [--seconds N --seed S --queue bullmq --json]"
  },
  fuzz: {
    file: "fuzz/run.ts",
    first: [],
    about: "random hostile input: fuzz [--minutes N --seed S --runs N --part P]"
  },
  simulate: {
    file: "packages/queue-redis/test/simulation/simulate.ts",
    first: [],
    about: "executions on simulated machines, from seeds: simulate [--seeds N --from S --scenario X --json --trace]"
  },
  mutate: {
    file: "scripts/mutate.mjs",
    first: [],
    about: "remove each guard of the queue's scripts in turn: mutate queue"
  },
  services: { file: "scripts/services.mjs", first: [], about: "PostgreSQL and Redis for tests: start, stop, status" }
}

const say = (text) => process.stderr.write(`${text}\n`)

const give = (text) => {
  say(text)
  process.exit(1)
}

/**
 * Changes whenever the installed dependencies no longer fit: another lockfile, machine or place.
 */
const fingerprint = () =>
  createHash("sha256")
    .update(readFileSync(path("pnpm-lock.yaml")))
    .update(`${process.platform}-${process.arch}-${root}`)
    .digest("hex")

const stampFile = path("node_modules", ".crewline-installed")

/**
 * The `node` of the npm package of that name, or nothing when it is not there or cannot run here.
 */
const projectNode = () => {
  const binary = path("node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node")
  return existsSync(binary) && spawnSync(binary, ["--version"]).status === 0 ? binary : undefined
}

const isNewEnough = (version) => {
  const [major = 0, minor = 0] = version.replace("v", "").split(".").map(Number)
  return major > oldestProjectNode[0] || (major === oldestProjectNode[0] && minor >= oldestProjectNode[1])
}

const writeStamp = () => {
  // Some systems (such as Alpine with musl) have no such package: a sufficiently new Node on the
  // machine works as well.
  const node = projectNode() ?? (isNewEnough(process.version) ? process.execPath : undefined)
  if (node === undefined) {
    give(
      `Crewline needs Node ${oldestProjectNode.join(".")} or newer. The Node of the npm package "node" cannot run on this machine ` +
        `(${process.platform} ${process.arch}), and this Node is ${process.version}: install a newer Node and try again.`
    )
  }
  writeFileSync(stampFile, JSON.stringify({ fingerprint: fingerprint(), node }))
}

/** The Node to run with when everything is installed for this very lockfile; otherwise nothing. */
const installedNode = () => {
  try {
    const stamp = JSON.parse(readFileSync(stampFile, "utf8"))
    return stamp.fingerprint === fingerprint() && statSync(stamp.node).isFile() ? stamp.node : undefined
  } catch {
    return undefined
  }
}

/**
 * True when `pnpm install` was run by hand for exactly this lockfile: pnpm keeps a copy of the
 * lockfile that it installed.
 */
const installedByHand = () => {
  try {
    const copy = readFileSync(path("node_modules", ".pnpm", "lock.yaml"))
    return copy.equals(readFileSync(path("pnpm-lock.yaml"))) && projectNode() !== undefined
  } catch {
    return false
  }
}

const pnpmVersion = () => JSON.parse(readFileSync(path("package.json"), "utf8")).devDependencies.pnpm

/** How to run pnpm in the version of the project: the one on PATH, else fetched by npm. */
const pnpmCommand = () => {
  const version = pnpmVersion()
  const windows = process.platform === "win32"
  const onPath = spawnSync("pnpm", ["--version"], {
    cwd: root,
    encoding: "utf8",
    shell: windows,
    stdio: ["ignore", "pipe", "ignore"],
    timeout: 20_000,
    env: { ...process.env, COREPACK_ENABLE_DOWNLOAD_PROMPT: "0" }
  })
  if (onPath.status === 0 && onPath.stdout.trim() === version) return { command: "pnpm", first: [], shell: windows }
  // The npm that runs this script, if one does; it need not be on PATH.
  const npm = process.env.npm_execpath
  if (npm !== undefined && /npm-cli\.[cm]?js$/.test(npm) && existsSync(npm)) {
    return { command: process.execPath, first: [npm, "exec", "--yes", "--", `pnpm@${version}`], shell: false }
  }
  return { command: "npx", first: ["--yes", `pnpm@${version}`], shell: windows }
}

const install = () => {
  say(
    existsSync(path("node_modules"))
      ? "Crewline: updating the dependencies…"
      : "Crewline: installing the dependencies, once…"
  )
  const { command, first, shell } = pnpmCommand()
  const result = spawnSync(
    command,
    // The compiler, the test runner and Node itself are devDependencies: NODE_ENV=production must
    // not leave them out.
    [...first, "install", "--frozen-lockfile", "--prod=false", "--config.confirm-modules-purge=false"],
    { cwd: root, shell, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 64 * 1024 * 1024 }
  )
  if (result.error !== undefined || result.status !== 0) {
    say(`${result.stdout ?? ""}${result.stderr ?? ""}`.trimEnd())
    give(
      `\nCrewline: the dependencies could not be installed (${result.error?.message ?? `exit code ${result.status}`}; the output ` +
        "above shows why).\nInstalling needs npm and access to the npm registry (test it with `npm ping`). Then run the same command again."
    )
  }
  writeStamp()
}

const run = (node, { file, first }, args) => {
  const binaries = path("node_modules", ".bin")
  const child = spawn(node, [path(file), ...first, ...args], {
    stdio: "inherit",
    // For all processes that the command starts, `node` is the Node of the project.
    env: { ...process.env, PATH: [dirname(node), binaries, process.env.PATH].filter(Boolean).join(delimiter) }
  })
  // Control-C in a terminal reaches the child by itself; a signal sent only to this process must be
  // forwarded.
  process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"))
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal))
  child.on("error", (error) => give(`Crewline: ${node} could not be started: ${error.message}`))
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
}

const launch = (name, args) => {
  if (Number(process.versions.node.split(".")[0]) < oldestNode) {
    give(`Crewline needs Node ${oldestNode} or newer; this is ${process.version}.`)
  }
  const command = Object.hasOwn(commands, name ?? "") ? commands[name] : undefined
  if (command === undefined) {
    const list = Object.entries(commands).map(([key, { about }]) => `  ${key.padEnd(10)}${about}`)
    give(`${name === undefined ? "" : `There is no command "${name}".\n`}Commands:\n${list.join("\n")}`)
  }
  if (installedNode() === undefined) {
    if (installedByHand()) writeStamp()
    else install()
  }
  run(installedNode(), command, args)
}

launch(process.argv[2], process.argv.slice(3))
