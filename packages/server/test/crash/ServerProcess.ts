/**
 * `crewline serve` as a separate process, which tests kill, freeze and restart on the same port.
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
  /** Resolves with the start time in milliseconds, rejects if the process exits first. */
  readonly ready: Promise<number>
  readonly ended: Promise<Ended>
  readonly isRunning: () => boolean
  readonly signal: (signal: NodeJS.Signals) => void
  /** The whole output. */
  readonly output: () => string
}

/** The `crewline` command. */
export const command = fileURLToPath(new URL("../../bin/crewline.mjs", import.meta.url))
const entries = {
  command: [command, "serve"],
  "own-tools": [fileURLToPath(new URL("./serve.ts", import.meta.url))],
  blocking: [fileURLToPath(new URL("../fake/BlockingServer.ts", import.meta.url))]
} as const

/** The configuration of the machine must not affect the server. */
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

/** Ends processes left by a failed test. */
export const endLeftovers = async (): Promise<void> => {
  const gone = Array.from(running, (child) => new Promise((resolve) => child.once("close", resolve)))
  endAll()
  await Promise.all(gone)
}

// A killed server restarts on the same port, as behind one address.
export { freePort } from "../../../queue-redis/test/RedisProcess.ts"

/** Starts it without waiting until it is ready. */
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
  // The start of a server that is killed meanwhile is not awaited.
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
