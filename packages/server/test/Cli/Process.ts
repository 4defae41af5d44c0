/** The `crewline` command as a real process. */
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

const bin = fileURLToPath(new URL("../../bin/crewline.mjs", import.meta.url))

/** The folder of the example crews. */
export const examples = fileURLToPath(new URL("../../../../examples/crews/", import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Waits until stdout and stderr together match; rejects if the process ends first. */
  readonly said: (pattern: RegExp) => Promise<RegExpExecArray>
}

export interface Options {
  readonly cwd?: string
  readonly env?: Record<string, string | undefined>
  /** Arguments for Node itself. */
  readonly node?: ReadonlyArray<string>
  /** A command that starts Crewline, with its arguments. */
  readonly through?: ReadonlyArray<string>
}

// The configuration of the machine must not affect the command.
const unset = {
  OPENAI_API_KEY: undefined,
  OPENAI_BASE_URL: undefined,
  DATABASE_URL: undefined,
  REDIS_URL: undefined,
  CREWLINE_QUEUE: undefined,
  CREWLINE_EVENTS: undefined,
  CREWLINE_LANES: undefined,
  CREWLINE_WORKER: undefined,
  CREWLINE_AUTH: undefined,
  CREWLINE_DATA: undefined,
  CREWLINE_URL: undefined,
  CREWLINE_KEY: undefined
}
const neutral = { ...unset, PORT: undefined, HOST: undefined, NO_COLOR: undefined, FORCE_COLOR: undefined }

/** Starts `crewline` with these arguments. */
export const start = (args: ReadonlyArray<string>, { cwd, env, node = [], through = [] }: Options = {}): Running => {
  const [program = "", ...rest] = [...through, process.execPath, ...node, bin, ...args]
  const child = spawn(program, rest, {
    cwd: cwd ?? examples,
    env: { ...process.env, ...neutral, ...env },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let stdout = ""
  let stderr = ""
  const listeners = new Set<() => void>()
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text
    for (const listener of listeners) listener()
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text
    for (const listener of listeners) listener()
  })
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (code) => resolve({ code, stdout, stderr }))
  })
  const said = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(stdout + stderr)
        if (match !== null) resolve(match)
      }
      listeners.add(look)
      look()
      void ended.then(({ code }) =>
        reject(new Error(`Ended with ${code} before it said ${pattern}:\n${stdout}${stderr}`))
      )
    })
  return { child, ended, said }
}

/** Runs `crewline` with these arguments until it exits. */
export const run = (args: ReadonlyArray<string>, options?: Options): Promise<Ended> => start(args, options).ended
