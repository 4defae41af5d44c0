/**
 * Private Redis servers of a test: processes on free ports, which the test may stop, restart and
 * empty.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"

/** Why none can be started, or undefined. */
export const missing: string | undefined = (() => {
  try {
    execFileSync("redis-server", ["--version"])
    return undefined
  } catch {
    return "there is no redis-server to start"
  }
})()

export interface RedisProcess {
  readonly port: number
  readonly directory: string
  /** The output of `redis-cli` for this command. */
  readonly cli: (...args: ReadonlyArray<string>) => Promise<string>
  /** Ends it with SIGKILL. */
  readonly kill: () => Promise<void>
  /** Starts it again, on the same port and directory. */
  readonly start: () => Promise<void>
}

export interface Options {
  /** As in redis.conf, one directive each. */
  readonly config?: ReadonlyArray<string>
  readonly mode?: "server" | "sentinel"
  /** For `redis-cli`: TLS, password. */
  readonly cli?: ReadonlyArray<string>
}

const running = new Set<ChildProcess>()
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})

/** A port that is free now. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.on("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      if (address === null || typeof address === "string") return reject(new Error("no port"))
      server.close(() => resolve(address.port))
    })
  })

const open = async ({ cli: access = [], config = [], mode = "server" }: Options): Promise<RedisProcess> => {
  const port = await freePort()
  const directory = await mkdtemp(join(tmpdir(), "crewline-redis-"))
  const file = join(directory, "redis.conf")
  const lines = [`port ${port}`, "bind 127.0.0.1", `dir ${directory}`, ...(mode === "server" ? ['save ""'] : [])]
  // Later lines win; a sentinel writes its knowledge into its file.
  await writeFile(file, [...lines, ...config, ""].join("\n"))
  let child: ChildProcess | undefined
  const cli: RedisProcess["cli"] = async (...args) => {
    const { stdout } = await promisify(execFile)("redis-cli", ["-p", String(port), ...access, ...args])
    return stdout.trim()
  }
  const start = async () => {
    const begun = spawn("redis-server", [file, ...(mode === "sentinel" ? ["--sentinel"] : [])], { stdio: "ignore" })
    child = begun
    running.add(begun)
    begun.once("close", () => running.delete(begun))
    for (let tries = 0; tries < 500; tries++) {
      const answer = await cli("ping").catch(String)
      if (answer === "PONG") return
      if (begun.exitCode !== null) throw new Error(`redis-server ended with ${begun.exitCode}`)
      await sleep(20)
    }
    throw new Error("redis-server does not answer")
  }
  const kill = async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child?.once("close", resolve))
    child.kill("SIGKILL")
    await gone
  }
  await start()
  return { port, directory, cli, start, kill }
}

/** A Redis that ends with the scope. */
export const make = (options: Options = {}): Effect.Effect<RedisProcess, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => open(options)),
    ({ directory, kill }) => Effect.promise(() => kill().then(() => rm(directory, { recursive: true, force: true })))
  )

/**
 * A node of a cluster, which holds no slots and knows no other nodes, and the port for
 * communication between nodes.
 */
const nodeOf = (options: Options) =>
  Effect.gen(function* () {
    const bus = yield* Effect.promise(freePort)
    const node = yield* make({
      ...options,
      // A single node never learns its own address from others.
      config: ["cluster-enabled yes", `cluster-port ${bus}`, "cluster-announce-ip 127.0.0.1", ...(options.config ?? [])]
    })
    return { node, bus }
  })

const holdAll = async (node: RedisProcess): Promise<void> => {
  await node.cli("cluster", "addslotsrange", "0", "16383")
  while (!(await node.cli("cluster", "info")).includes("cluster_state:ok")) await sleep(20)
}

/** A cluster of one node, which holds every slot. */
export const cluster = (options: Options = {}): Effect.Effect<RedisProcess, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { node } = yield* nodeOf(options)
    yield* Effect.promise(() => holdAll(node))
    return node
  })

/** A cluster of a node that holds every slot, and a replica of it. */
export const clusterOfTwo: Effect.Effect<readonly [RedisProcess, RedisProcess], never, Scope.Scope> = Effect.gen(
  function* () {
    const config = ["cluster-node-timeout 1000", "repl-diskless-sync-delay 0"]
    const { bus, node } = yield* nodeOf({ config })
    const { node: replica } = yield* nodeOf({ config })
    yield* Effect.promise(async () => {
      await holdAll(node)
      await replica.cli("cluster", "meet", "127.0.0.1", String(node.port), String(bus))
      const id = await node.cli("cluster", "myid")
      while ((await replica.cli("cluster", "replicate", id).catch(String)) !== "OK") await sleep(50)
      while (!(await replica.cli("info", "replication")).includes("master_link_status:up")) await sleep(50)
    })
    return [node, replica] as const
  }
)

/** A sentinel that watches over this server under the name `main`. */
export const sentinelOf = (
  { port }: RedisProcess,
  options: Options = {}
): Effect.Effect<RedisProcess, never, Scope.Scope> =>
  make({
    mode: "sentinel",
    ...options,
    config: [`sentinel monitor main 127.0.0.1 ${port} 1`, ...(options.config ?? [])]
  })
