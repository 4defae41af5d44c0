/**
 * A Redis whose clock stands still between calls: the scripts of the queue run on a real server,
 * one call after the other, with the time of the simulation. It can be emptied, and restored to an
 * older state.
 */
import * as RedisTaskQueue from "../../src/RedisTaskQueue.ts"
import * as RedisTransport from "../../src/RedisTransport.ts"
import type { Script } from "../../src/RedisTransport.ts"
import type * as TaskQueue from "@crewline/core/TaskQueue"
import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as EffectRedis from "effect/persistence/Redis"
import { Redis } from "ioredis"
import { freePort } from "../RedisProcess.ts"
import type { Kernel, Process } from "./Kernel.ts"
import { call, type Faults } from "./Network.ts"

/** A separate server process, with nothing on disk. */
export class Server {
  readonly client: Redis
  private readonly child: ChildProcess
  private readonly names = new Map<string, Promise<string>>()

  private constructor(child: ChildProcess, client: Redis) {
    this.child = child
    this.client = client
  }

  static async open(): Promise<Server> {
    const port = await freePort()
    const settings = { port, bind: "127.0.0.1", save: "", appendonly: "no", daemonize: "no" }
    // Fields of small hashes keep their order: needed only to make a seed reproducible.
    const small = {
      "hash-max-listpack-entries": 100_000,
      "hash-max-listpack-value": 100_000,
      "zset-max-listpack-entries": 100_000
    }
    const args = Object.entries({ ...settings, ...small }).flatMap(([name, value]) => [`--${name}`, String(value)])
    const child = spawn("redis-server", args, { stdio: "ignore" })
    process.once("exit", () => child.kill("SIGKILL"))
    const client = new Redis({ port, host: "127.0.0.1", maxRetriesPerRequest: null, enableAutoPipelining: true })
    client.on("error", () => {})
    await client.ping()
    return new Server(child, client)
  }

  async close(): Promise<void> {
    this.client.disconnect()
    const gone = once(this.child, "exit")
    this.child.kill("SIGKILL")
    await gone
  }

  /**
   * Runs a script, as a function of the server, and returns its reply and its published messages.
   */
  async run(
    source: string,
    keys: ReadonlyArray<string>,
    args: ReadonlyArray<string>
  ): Promise<readonly [answer: unknown, published: ReadonlyArray<string>]> {
    let name = this.names.get(source)
    if (name === undefined) {
      const next = `simulated_${this.names.size}`
      name = this.client.call("FUNCTION", "LOAD", listening(next, source)).then(() => next)
      this.names.set(source, name)
    }
    const [published, answer] = (await this.client.fcall(await name, keys.length, ...keys, ...args)) as [
      ReadonlyArray<string>,
      unknown?
    ]
    return [answer ?? null, published]
  }
}

/**
 * The function with its published messages as part of its reply: messages must not arrive on their
 * own.
 */
const listening = (name: string, source: string): string => {
  const caught = source.replaceAll("redis.pcall('PUBLISH', TAG .. 'news', ", "publish(")
  if (caught.includes("PUBLISH")) throw new Error("A script publishes in a way that the simulation does not know.")
  return `#!lua name=${name}
local published
local function publish(message) published[#published + 1] = message end
${caught}
redis.register_function('${name}', function(keys, args)
  published = {}
  return { published, run(keys, args) }
end)`
}

export interface Options {
  readonly kernel: Kernel
  readonly faults: () => Faults
  /** Of messages: dropped. */
  readonly messageLost: () => number
  readonly prefix: string
  readonly queue: RedisTaskQueue.Options
  /** Of the only lane: how many tasks may be handed out at once. Absent: not counted. */
  readonly lane: number | undefined
}

interface Listener {
  readonly process: Process
  readonly onMessage: (message: string) => void
  readonly onReconnect: () => void
}

interface Backup {
  readonly key: string
  /** Milliseconds until it expires; 0: it does not expire. */
  readonly ttl: number
  readonly value: Buffer
}

/** The queue's keys of one simulation. */
export class SimulatedRedis {
  private readonly server: Server
  private readonly options: Options
  private listeners: Array<Listener> = []
  private backup: ReadonlyArray<Backup> | undefined
  /** The most tasks that were handed out at once. */
  most = 0

  constructor(server: Server, options: Options) {
    this.server = server
    this.options = options
  }

  /** The queue as a process has it. */
  layer(process: Process): Layer.Layer<TaskQueue.TaskQueue> {
    const { kernel, queue } = this.options
    const transport = RedisTransport.RedisTransport.of({
      run: (script, keys, args) =>
        Effect.flatMap(
          call(process, this.options.faults, () => this.run(script, keys, args)),
          (outcome) =>
            outcome === undefined
              ? Effect.fail(new EffectRedis.RedisError({ cause: new Error("Redis did not answer.") }))
              : Effect.succeed(outcome.value)
        ),
      listen: (_channel, onMessage, onReconnect) =>
        Effect.sync(() => {
          this.listeners = this.listeners.filter((each) => each.process.alive)
          this.listeners.push({ process, onMessage, onReconnect })
        })
    })
    kernel.note(`${process.name} connects to Redis`)
    return RedisTaskQueue.layerTransport({ ...queue, prefix: this.options.prefix }).pipe(
      Layer.provide(Layer.succeed(RedisTransport.RedisTransport, transport))
    )
  }

  /** Keys that do not go away by themselves, besides who works here. */
  async keys(): Promise<ReadonlyArray<string>> {
    const staying: Array<string> = []
    for (const key of await this.all()) {
      if (/:(workers|infos)$/.test(key)) continue
      if ((await this.server.client.pttl(key)) === -1) staying.push(key)
    }
    return staying
  }

  /** All data is gone. */
  async wipe(): Promise<void> {
    const keys = await this.all()
    if (keys.length > 0) await this.server.client.del(...keys)
    this.reconnect()
  }

  /** Keeps a copy to go back to. */
  async remember(): Promise<void> {
    const keys = await this.all()
    const copy: Array<Backup> = []
    for (const key of keys) {
      const value = await this.server.client.dumpBuffer(key)
      const ttl = Math.max(await this.server.client.pttl(key), 0)
      if (value !== null) copy.push({ key, ttl, value })
    }
    this.backup = copy
  }

  /** Goes back to the copy, as a replica does that takes over. */
  async rollBack(): Promise<boolean> {
    if (this.backup === undefined) return false
    const keys = await this.all()
    if (keys.length > 0) await this.server.client.del(...keys)
    for (const { key, ttl, value } of this.backup) await this.server.client.restore(key, ttl, value, "REPLACE")
    this.reconnect()
    return true
  }

  private reconnect(): void {
    const { kernel } = this.options
    for (const { onReconnect, process } of this.listeners)
      if (kernel.random.chance(0.5)) kernel.after(kernel.random.below(2_000), process, onReconnect)
  }

  private async all(): Promise<ReadonlyArray<string>> {
    return (await this.server.client.keys(`{${this.options.prefix}:*`)).sort()
  }

  private async run(script: Script, keys: ReadonlyArray<string>, args: ReadonlyArray<string>): Promise<unknown> {
    const { kernel, messageLost } = this.options
    const time = String(Math.floor(kernel.now))
    let reply: Awaited<ReturnType<Server["run"]>>
    try {
      reply = await this.server.run(script.source, keys, script.name === "stage" ? args : [time, ...args.slice(1)])
    } catch (error) {
      // A script that fails has a defect, or encountered invalid data.
      kernel.defects.push(`script ${script.name}: ${error instanceof Error ? error.message : String(error)}`)
      return null
    }
    if (this.options.lane !== undefined)
      this.most = Math.max(this.most, await this.server.client.hlen(`{${this.options.prefix}:0}:leased`))
    const [answer, published] = reply
    for (const message of published)
      for (const { onMessage, process } of this.listeners)
        if (!kernel.random.chance(messageLost()))
          kernel.after(kernel.random.next() * 3, process, () => onMessage(message))
    return answer
  }
}
