import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as NodeFs from "node:fs"
import * as NodeOs from "node:os"
import * as NodePath from "node:path"
import * as Effect from "effect/Effect"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import * as DirectoryLock from "../../src/Pglite/DirectoryLock.ts"

const fixture = NodePath.join(import.meta.dirname, "..", "fixtures", "holdDirectory.ts")

let directory: string
const children: Array<ChildProcess> = []

beforeEach(() => {
  directory = NodeFs.mkdtempSync(NodePath.join(NodeOs.tmpdir(), "crewline-lock-"))
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL")
  NodeFs.rmSync(directory, { recursive: true, force: true })
})

/** A process that tries to hold the directory, and its first output. */
const holder = async () => {
  const child = spawn(process.execPath, [fixture, directory], { stdio: ["ignore", "pipe", "inherit"] })
  children.push(child)
  const [said] = (await once(child.stdout, "data")) as [Buffer]
  return { child, said: said.toString().trim() }
}

const kill = async (child: ChildProcess) => {
  child.kill("SIGKILL")
  await once(child, "exit")
}

/** Acquires and releases the lock; returns "held" or the message. */
const attempt = () =>
  Effect.runPromise(
    Effect.scoped(
      Effect.match(DirectoryLock.acquire(directory), { onFailure: (error) => error.message, onSuccess: () => "held" })
    )
  )

const locks = () => NodeFs.readdirSync(directory).filter((name) => name.startsWith("lock-"))

describe("DirectoryLock", () => {
  it("refuses a second process with the pid of the first and advice", async () => {
    const { child, said } = await holder()
    assert.strictEqual(said, "held")
    const message = await attempt()
    assert.include(message, `in use by process ${child.pid}`)
    assert.include(message, `kill ${child.pid}`)
    assert.include(message, "CREWLINE_DATA")
    assert.include(message, "DATABASE_URL")
    assert.strictEqual(locks().length, 1)
  })

  it("takes over at once from a killed process", async () => {
    for (let round = 0; round < 3; round++) {
      const { child, said } = await holder()
      assert.strictEqual(said, "held")
      await kill(child)
      assert.strictEqual(locks().length, 1)
      assert.strictEqual(await attempt(), "held")
      assert.deepStrictEqual(locks(), [])
    }
  })

  it("does not take over from a frozen process", async () => {
    const { child } = await holder()
    child.kill("SIGSTOP")
    assert.include(await attempt(), `process ${child.pid}`)
    child.kill("SIGCONT")
  })

  it("can be released, and is refused to the same process before", async () => {
    assert.strictEqual(await attempt(), "held")
    const twice = await Effect.runPromise(
      Effect.scoped(Effect.andThen(DirectoryLock.acquire(directory), Effect.promise(attempt)))
    )
    assert.include(twice, "already open in this process")
    assert.strictEqual(await attempt(), "held")
  })

  it("admits one of many concurrent processes", async () => {
    const said = await Promise.all(Array.from({ length: 6 }, async () => (await holder()).said))
    assert.strictEqual(said.filter((text) => text === "held").length, 1)
    assert.strictEqual(said.filter((text) => text.includes("in use by process")).length, 5)
  })

  it("waits until a concurrent claim is decided", async () => {
    const { child } = await holder()
    const path = NodePath.join(directory, locks()[0]!)
    const lock = JSON.parse(NodeFs.readFileSync(path, "utf8")) as object
    NodeFs.writeFileSync(path, JSON.stringify({ ...lock, state: "claiming" }))
    assert.include(await attempt(), `process ${child.pid}`)
    const waiting = attempt()
    setTimeout(() => NodeFs.rmSync(path), 20)
    assert.strictEqual(await waiting, "held")
  })

  it.runIf(process.platform === "linux")("is not misled by a reused pid, or by a zombie process", async () => {
    const { child } = await holder()
    const [name] = locks()
    const lock = JSON.parse(NodeFs.readFileSync(NodePath.join(directory, name!), "utf8")) as { started: string }
    await kill(child)
    // The pid of a live process with a different start time.
    NodeFs.writeFileSync(NodePath.join(directory, name!), JSON.stringify({ ...lock, pid: process.ppid }))
    assert.strictEqual(await attempt(), "held")

    // `sleep` replaces the shell that started the holder, and never waits for it.
    const parent = spawn("sh", ["-c", `"${process.execPath}" "${fixture}" "${directory}" & exec sleep 60`], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    children.push(parent)
    await once(parent.stdout, "data")
    const { pid } = JSON.parse(NodeFs.readFileSync(NodePath.join(directory, locks()[0]!), "utf8")) as { pid: number }
    process.kill(pid, "SIGKILL")
    while (!NodeFs.readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z"))
      await new Promise((done) => setTimeout(done, 5))
    assert.strictEqual(await attempt(), "held")
  })

  it("uses the heartbeat of a process that it cannot see", async () => {
    const path = NodePath.join(directory, "lock-1-1")
    NodeFs.writeFileSync(
      path,
      JSON.stringify({ pid: 1, started: "1", realm: "another machine", host: "elsewhere", state: "held" })
    )
    const message = await attempt()
    assert.include(message, "process 1 on elsewhere")
    assert.notInclude(message, "kill")
    const old = new Date(Date.now() - 60_000)
    NodeFs.utimesSync(path, old, old)
    assert.strictEqual(await attempt(), "held")
    assert.deepStrictEqual(locks(), [])
  })

  it("names the directory that cannot be used", async () => {
    const file = NodePath.join(directory, "file")
    NodeFs.writeFileSync(file, "")
    directory = file
    const message = await attempt()
    assert.include(message, `${file} cannot be used: a file or directory with this name already exists.`)
    assert.include(message, "CREWLINE_DATA")
    directory = NodePath.dirname(file)
  })
})
