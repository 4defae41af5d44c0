import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import * as NodeFs from "node:fs"
import * as NodePath from "node:path"
import * as Crewline from "@crewline/core/Crewline"
import * as Liveness from "@crewline/core/Liveness"
import * as Llm from "@crewline/core/Llm"
import * as LocalTaskQueue from "@crewline/core/LocalTaskQueue"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Worker from "@crewline/core/Worker"
import * as Workspace from "@crewline/core/Workspace"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { afterEach, assert, describe, it } from "vitest"
import * as Database from "../src/Database.ts"
import * as PgEventLog from "../src/PgEventLog.ts"
import * as ProcessIdentity from "../src/ProcessIdentity.ts"

const fixture = NodePath.join(import.meta.dirname, "fixtures", "tellProcess.ts")
const children: Array<ChildProcess> = []

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL")
})

/** Starts a process; returns its first output. */
const say = async (command: string, ...args: ReadonlyArray<string>) => {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "ignore"] })
  children.push(child)
  const [said] = (await once(child.stdout, "data")) as [Buffer]
  return { child, said: said.toString().trim() }
}

const start = async () => {
  const { child, said } = await say(process.execPath, fixture)
  return { child, word: said }
}

/** Starts a process in a separate pid namespace, if that is allowed. */
const elsewhere = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"] as const
const canBeElsewhere = spawnSync(elsewhere[0], [...elsewhere.slice(1), "true"]).status === 0

describe("ProcessIdentity.judge", () => {
  const identity: ProcessIdentity.Identity = { pid: 7, started: "1000", realm: "here" }
  const running: ProcessIdentity.Sight = { exists: true, isZombie: false, started: "1000" }
  const ended: ProcessIdentity.Sight = { exists: false, isZombie: false, started: null }

  it.each<[string, ProcessIdentity.Verdict, ProcessIdentity.Identity, string, ProcessIdentity.Sight]>([
    ["a process that runs", "alive", identity, "here", running],
    ["one whose pid is free", "gone", identity, "here", ended],
    ["one whose pid was given to another", "gone", identity, "here", { ...running, started: "1001" }],
    ["one that has ended and was not waited for", "gone", identity, "here", { ...running, isZombie: true }],
    ["one that is hidden from this user", "alive", identity, "here", { ...running, started: null }],
    ["one that did not know when it started", "alive", { ...identity, started: null }, "here", running],
    ["one elsewhere whose pid is free here", "unseen", identity, "there", ended],
    ["one elsewhere whose pid runs here", "unseen", identity, "there", running],
    ["one elsewhere whose pid is a zombie's here", "unseen", identity, "there", { ...running, isZombie: true }]
  ])("%s is %s", (_, verdict, given, realm, sight) => {
    assert.strictEqual(ProcessIdentity.judge(given, realm, sight), verdict)
  })
})

describe.runIf(process.platform === "linux")("a process on this machine", () => {
  it("is gone once it was killed", async () => {
    const { child, word } = await start()
    assert.match(word, new RegExp(`^${child.pid}\\.\\d+\\.[0-9a-f]{16}$`))
    assert.isFalse(ProcessIdentity.isGone(word))
    child.kill("SIGKILL")
    await once(child, "exit")
    assert.isTrue(ProcessIdentity.isGone(word))
  })

  it("is not gone while it is frozen", async () => {
    const { child, word } = await start()
    child.kill("SIGSTOP")
    while (!NodeFs.readFileSync(`/proc/${child.pid}/stat`, "utf8").includes(") T"))
      await new Promise((done) => setTimeout(done, 5))
    assert.isFalse(ProcessIdentity.isGone(word))
    child.kill("SIGCONT")
  })

  it("is gone when its pid was reused, and when it is a zombie", async () => {
    const [pid, started, realm] = ProcessIdentity.word()!.split(".")
    assert.isFalse(ProcessIdentity.isGone([pid, started, realm].join(".")))
    assert.isTrue(ProcessIdentity.isGone([pid, Number(started) - 1, realm].join(".")))

    // `sleep` replaces the shell that started it, and never waits for it.
    const { said } = await say("sh", "-c", `"${process.execPath}" "${fixture}" & exec sleep 60`)
    const child = Number.parseInt(said, 10)
    assert.isFalse(ProcessIdentity.isGone(said))
    process.kill(child, "SIGKILL")
    while (!NodeFs.readFileSync(`/proc/${child}/stat`, "utf8").includes(") Z"))
      await new Promise((done) => setTimeout(done, 5))
    assert.isTrue(ProcessIdentity.isGone(said))
  })

  it.runIf(canBeElsewhere)("is never gone in another pid namespace, even if its pid is unused here", async () => {
    const { child, said } = await say(...elsewhere, process.execPath, fixture)
    assert.match(said, /^1\.\d+\./)
    assert.notStrictEqual(said.split(".")[2], ProcessIdentity.word()!.split(".")[2])
    assert.isFalse(ProcessIdentity.isGone(said))
    child.kill("SIGKILL")
    await once(child, "exit")
    assert.isFalse(ProcessIdentity.isGone(said))
  })

  it.each(["", "worker", "1", "1.2", "1.2.3", "0.1.0123456789abcdef", "-1.1.0123456789abcdef", "1.2.0123456789ABCDEF"])(
    "is not gone if its identity is %j",
    (word) => assert.isFalse(ProcessIdentity.isGone(word))
  )

  it("is passed to Crewline", async () => {
    const liveness = await Effect.runPromise(
      Effect.service(Liveness.Liveness).pipe(Effect.provide(ProcessIdentity.layer))
    )
    assert.strictEqual(liveness.self, ProcessIdentity.word())
    const { child, word } = await start()
    child.kill("SIGKILL")
    await once(child, "exit")
    assert.isTrue(liveness.isGone(word))
  })

  it("is provided with the event log: a worker over it signs with its process", async () => {
    const log = PgEventLog.layer.pipe(Layer.provide(Database.layer({ kind: "memory" })))
    const models = Layer.succeed(Llm.Llm, { resolve: () => Effect.die("no task asks") })
    const { name, owner } = await Effect.service(Worker.Worker).pipe(
      Effect.provide(
        Crewline.layer().pipe(
          Layer.provide([log, LocalTaskQueue.layerLocal, models, Toolbox.layer([]), Workspace.layerNone])
        )
      ),
      Effect.runPromise
    )
    assert.strictEqual(owner, `${name} ${ProcessIdentity.word()}`)
  })
})
