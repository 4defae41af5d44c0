/**
 * `crewline serve` as a process of its own, which tests kill, freeze and start again on the same
 * port.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

export interface Options {
  readonly port: number
  readonly env: Readonly<Record<string, string>>
  /**
   * `command`: the real `bin/crewline.mjs serve`. `own-tools`: `serve.ts` beside this file.
   * `blocking`: `fake/BlockingServer.ts`.
   */
  readonly entry?: keyof typeof entries
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface ServerProcess {
  readonly url: string
  readonly pid: number
  /** Resolves with how long it took in milliseconds, rejects when the process ends before. */
  readonly ready: Promise<number>
  readonly ended: Promise<Ended>
  readonly isRunning: () => boolean
  readonly signal: (signal: NodeJS.Signals) => void
  /** Everything that it printed. */
  readonly output: () => string
}

/** The `crewline` command. */
export const command = fileURLToPath(new URL("../../bin/crewline.mjs", import.meta.url))
const entries = {
  command: [command, "serve"],
  "own-tools": [fileURLToPath(new URL("./serve.ts", import.meta.url))],
  blocking: [fileURLToPath(new URL("../fake/BlockingServer.ts", import.meta.url))]
} as const

/** What the machine of the test has configured must not change what the server does. */
const configures = /^(CREWLINE_|OPENAI_|DATABASE_|REDIS_URL$|HOST$|PORT$|FORCE_COLOR$|NODE_OPTIONS$)/
const neutral = Object.fromEntries(Object.entries(process.env).filter(([name]) => !configures.test(name)))

const running = new Set<ChildProcess>()
const endAll = () => {
  for (const child of running) {
    child.kill("SIGKILL")
    child.kill("SIGCONT")
  }
}
process.once("exit", endAll)

/** Ends what a failed test left behind. */
export const endLeftovers = async (): Promise<void> => {
  const gone = Array.from(running, (child) => new Promise((resolve) => child.once("close", resolve)))
  endAll()
  await Promise.all(gone)
}

// A killed server comes back to the same one, as behind one address.
export { freePort } from "../../../queue-redis/test/RedisProcess.ts"

/** Starts it, without waiting until it is ready. */
export const start = ({ entry = "command", env, port }: Options): ServerProcess => {
  const began = performance.now()
  const child = spawn(process.execPath, entries[entry], {
    env: { ...neutral, NO_COLOR: "1", ...env, PORT: String(port) },
    stdio: ["ignore", "pipe", "pipe"]
  })
  running.add(child)
  let output = ""
  let isRunning = true
  const ended = new Promise<Ended>((resolve) => {
    child.once("exit", () => {
      isRunning = false
    })
    child.once("close", (code, signal) => {
      running.delete(child)
      resolve({ code, signal })
    })
  })
  const ready = new Promise<number>((resolve, reject) => {
    const read = (text: string) => {
      output += text
      if (/Crewline listens on \S+/.test(output)) resolve(performance.now() - began)
    }
    child.stdout.setEncoding("utf8").on("data", read)
    child.stderr.setEncoding("utf8").on("data", read)
    void ended.then(({ code, signal }) => reject(new Error(`The server ended (${signal ?? code}):\n${output}`)))
  })
  // Nobody waits for one that is killed while it starts.
  ready.catch(() => undefined)
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid!,
    ready,
    ended,
    isRunning: () => isRunning,
    signal: (signal) => {
      child.kill(signal)
    },
    output: () => output
  }
}
