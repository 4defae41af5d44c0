import { spawn, spawnSync } from "node:child_process"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import * as Watchdog from "../src/Watchdog.ts"

const program = join(import.meta.dirname, "fake/BlockedProcess.ts")

/** In a namespace of its own the process has the id 1, as in a container. */
const asFirst = ["unshare", "--pid", "--fork"]
const canBeFirst = spawnSync(asFirst[0]!, [...asFirst.slice(1), "true"]).status === 0

const run = (how: string, onBlocking: (pid: number) => void = () => {}, before: ReadonlyArray<string> = []) =>
  new Promise<{ readonly code: number | null; readonly signal: string | null; readonly said: string }>((resolve) => {
    const [command, ...args] = [...before, process.execPath, program, how]
    const child = spawn(command!, args, { stdio: ["ignore", "pipe", "pipe"] })
    let said = ""
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        said += text
        if (text.includes("blocking")) onBlocking(child.pid!)
      })
    child.on("close", (code, signal) => resolve({ code, signal, said }))
  })

describe("the watchdog", { timeout: 60_000 }, () => {
  it.each(["loop", "regex", "wait"])(
    "ends a process that is blocked by a %s, and says where it stands",
    async (how) => {
      const { code, said } = await run(how)
      expect(code).toBe(Watchdog.exitCode)
      expect(said).toMatch(/the event loop was blocked for \d+ ms/)
      expect(said).toMatch(/at blockedForEver .*BlockedProcess\.ts:\d+/)
      expect(said).not.toContain("still here")
      // What the process has collected is written before it ends.
      expect(said).toContain("collected\n")
    }
  )

  it.skipIf(!canBeFirst)(
    "ends the first process of a container, which cannot kill itself (needs unshare)",
    async () => {
      const { code, said } = await run("regex", undefined, asFirst)
      expect(code).toBe(Watchdog.exitCode)
      expect(said).toMatch(/at blockedForEver /)
    }
  )

  it("kills a process that is blocked in native code", async () => {
    const { code, said, signal } = await run("native")
    expect(said).toContain("the event loop was blocked")
    // Whether the debugger is answered between two calls is chance.
    expect(signal === "SIGKILL" || code === Watchdog.exitCode).toBe(true)
  })

  it("is off while an inspector is attached: at a breakpoint everything stands", async () => {
    expect((await run("a while")).code).toBe(Watchdog.exitCode)
    const { code, said } = await run("a while", undefined, ["env", "NODE_OPTIONS=--inspect=127.0.0.1:0"])
    expect(said).toContain("Debugger listening")
    expect(said).toContain("still here")
    expect(code).toBe(0)
  })

  it("forgives a process that was stopped as a whole", async () => {
    const { code, said } = await run("nothing", (pid) => {
      process.kill(pid, "SIGSTOP")
      setTimeout(() => process.kill(pid, "SIGCONT"), 3_000)
    })
    expect(said).toContain("still here")
    expect(code).toBe(0)
  })
})
