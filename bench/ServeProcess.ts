/**
 * `crewline serve` of this checkout or another, as a process that benchmarks start, measure and
 * stop.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { openSync, readFileSync } from "node:fs"
import { join } from "node:path"

export interface Options {
  /** The checkout whose command it is; default: this one. */
  readonly checkout?: string
  readonly directory: string
  readonly env: Readonly<Record<string, string>>
}

export interface ServeProcess {
  readonly url: string
  readonly pid: number
  /** From its start until it listened. */
  readonly seconds: number
  readonly stop: () => Promise<void>
}

/** The configuration of this machine must not affect the measurement. */
const configures = /^(CREWLINE_|OPENAI_|DATABASE_|REDIS_URL$|HOST$|PORT$|NODE_OPTIONS$)/
const neutral = Object.fromEntries(Object.entries(process.env).filter(([name]) => !configures.test(name)))

export const commandOf = (checkout = join(import.meta.dirname, "..")): string =>
  join(checkout, "packages", "server", "bin", "crewline.mjs")

/** Starts it on a free port, with its log in the directory, and its data unless `env` says else. */
export const start = async ({ checkout, directory, env }: Options): Promise<ServeProcess> => {
  const from = performance.now()
  const child = spawn(process.execPath, [commandOf(checkout), "serve", "--port", "0"], {
    cwd: directory,
    env: { ...neutral, CREWLINE_DATA: directory, ...env },
    stdio: ["ignore", "pipe", openSync(join(directory, "serve.log"), "a")]
  })
  const ended = once(child, "exit")
  const [said] = (await Promise.race([
    once(child.stdout!, "data"),
    ended.then(([code]) =>
      Promise.reject(new Error(`crewline serve ended with ${code} before it listened: see ${directory}/serve.log.`))
    )
  ])) as [Buffer]
  const seconds = (performance.now() - from) / 1_000
  return {
    url: /http:\S+/.exec(said.toString())![0],
    pid: child.pid!,
    seconds,
    stop: async () => {
      child.kill("SIGTERM")
      await ended
    }
  }
}

/** Memory of a process on Linux, in megabytes: at its peak, and now. */
export const memoryOf = (pid: number): { readonly peakMegabytes: number; readonly megabytes: number } => {
  const status = readFileSync(`/proc/${pid}/status`, "utf8")
  const of = (name: string) => Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)![1]) / 1_024)
  return { peakMegabytes: of("VmHWM"), megabytes: of("VmRSS") }
}
