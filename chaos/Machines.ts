/** Worker processes in slots: a killed one is replaced by another with a new name. */
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

/** The worker bundled in one file: it starts in half the time, and many are started. */
export const bundle = async (directory: string): Promise<string> => {
  const outfile = `${directory}/worker.mjs`
  await build({
    entryPoints: [fileURLToPath(new URL("./worker.ts", import.meta.url))],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    // Some of its dependencies are CommonJS.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    external: ["pg-native"],
    logLevel: "error"
  })
  return outfile
}

export interface Options {
  readonly count: number
  /** What `bundle` made. */
  readonly entry: string
  readonly env: Readonly<Record<string, string>>
  readonly log: (line: string) => void
}

export interface Machines {
  /** Kills the worker of the slot and starts another. Returns the name of the killed one. */
  readonly kill: (slot: number) => string
  readonly freeze: (slot: number) => string
  readonly thaw: (slot: number) => void
  readonly isFrozen: (slot: number) => boolean
  /** Unexpected output of workers: errors and warnings, by their text. */
  readonly complaints: ReadonlyMap<string, number>
  readonly stop: () => Promise<void>
}

export const start = ({ count, entry, env, log }: Options): Machines => {
  const slots: Array<{ readonly child: ChildProcess; readonly name: string; isFrozen: boolean }> = []
  const children = new Set<ChildProcess>()
  const complaints = new Map<string, number>()
  let born = 0
  let isOver = false

  const complain = (line: string) => {
    const text = line
      .replace(/exec_\w+/g, "exec_…")
      .replace(/^\[[^\]]*\]\s*/, "")
      .slice(0, 200)
    if (/WARN|ERROR|Error/.test(text)) complaints.set(text, (complaints.get(text) ?? 0) + 1)
  }

  const begin = (slot: number) => {
    const name = `w${slot}-${++born}`
    const child = spawn(process.execPath, [entry], {
      env: { ...process.env, NODE_COMPILE_CACHE: `${env["CHAOS_CACHE"]}`, NO_COLOR: "1", ...env, CHAOS_WORKER: name },
      stdio: ["ignore", "pipe", "pipe"]
    })
    children.add(child)
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => text.split("\n").forEach(complain))
    }
    child.once("exit", (code, signal) => {
      children.delete(child)
      if (isOver || slots[slot]?.child !== child) return
      // It exited by itself, which a worker must not do.
      complain(`ERROR a worker ended with ${signal ?? code}`)
      log(`${name} ended with ${signal ?? code}`)
      begin(slot)
    })
    slots[slot] = { child, name, isFrozen: false }
  }
  for (let slot = 0; slot < count; slot++) begin(slot)

  const end = (child: ChildProcess) => {
    child.kill("SIGKILL")
    child.kill("SIGCONT")
  }
  process.once("exit", () => children.forEach(end))

  return {
    kill: (slot) => {
      const { child, name } = slots[slot]!
      begin(slot)
      end(child)
      return name
    },
    freeze: (slot) => {
      const entry = slots[slot]!
      entry.isFrozen = true
      entry.child.kill("SIGSTOP")
      return entry.name
    },
    thaw: (slot) => {
      const entry = slots[slot]!
      entry.isFrozen = false
      entry.child.kill("SIGCONT")
    },
    isFrozen: (slot) => slots[slot]!.isFrozen,
    complaints,
    stop: async () => {
      isOver = true
      const gone = Array.from(children, (child) => new Promise((resolve) => child.once("exit", resolve)))
      children.forEach(end)
      await Promise.all(gone)
    }
  }
}
