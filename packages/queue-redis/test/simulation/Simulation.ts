/**
 * The production code of a worker (`Crewline`, `Worker`, `Ledger`, `decide`, `apply`, the queue) in
 * several simulated processes at once, while they die and stall, and replies and data are lost. A
 * seed always gives the same history.
 */
import * as Crewline from "@crewline/core/Crewline"
import * as EventLog from "@crewline/core/EventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Llm from "@crewline/core/Llm"
import * as TaskQueue from "@crewline/core/TaskQueue"
import * as LocalTaskQueue from "@crewline/core/LocalTaskQueue"
import * as Outbox from "@crewline/core/Outbox"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Worker from "@crewline/core/Worker"
import * as Workspace from "@crewline/core/Workspace"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Agent from "./Agent.ts"
import { Budget } from "./Budget.ts"
import { Effects } from "./Effects.ts"
import { epoch, Kernel, type Process } from "./Kernel.ts"
import { People } from "./People.ts"
import { noFaults } from "./Network.ts"
import { SimulatedRedis, type Server as RedisServer } from "./SimulatedRedis.ts"
import type { Scenario } from "./Scenario.ts"
import * as Script from "../../../core/test/simulation/Script.ts"
import { Storage } from "./Storage.ts"
import { describe, Violation } from "../../../core/test/simulation/Witness.ts"
import { SimulationWitness } from "./Witness.ts"

/** Runs without progress after which a task is given up. */
const maxCrashes = 3
const leaseMillis = 15_000
const sweepMillis = 5_000

export interface Options {
  /** Keeps all that happens, not only events of the log. */
  readonly trace?: boolean
  /** For scenarios whose processes share a queue. */
  readonly redis?: RedisServer
}

let prefixes = 0

/** The result of a simulation: the violation, if there was one. */
export interface Report {
  readonly violation: Violation | undefined
  readonly history: ReadonlyArray<string>
  readonly events: number
  readonly calls: number
  readonly repeatedCalls: number
  readonly millis: number
}

/** Runs one simulation. */
export const run = async (seed: number, scenario: Scenario, options: Options = {}): Promise<Report> => {
  const simulation = new Simulation(seed, scenario, options)
  let violation: Violation | undefined
  try {
    await simulation.run()
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    violation = error
  } finally {
    await simulation.close()
  }
  return simulation.report(violation)
}

interface Server {
  process: Process
  name: string
  crewline: Crewline.Crewline["Service"] | undefined
  queue: TaskQueue.TaskQueue["Service"] | undefined
  scope: Scope.Closeable
}

class Simulation {
  private readonly kernel: Kernel
  private readonly scenario: Scenario
  private readonly seed: number
  private readonly storage: Storage
  private readonly witnesses = new Map<string, SimulationWitness>()
  private readonly redis: SimulatedRedis | undefined
  /** Keys of the queue, when it was looked last. */
  private keys: ReadonlyArray<string> = ["keys that nobody has looked for"]
  private readonly budget: Budget
  private readonly people: People
  /** Absent: outputs have no follow-up. */
  private readonly effects: Effects | undefined
  /** Legs, with the process that works on them. */
  private readonly atWork = new Map<string, Process>()
  private readonly stopping = new Set<Process>()
  /** When a queue or an ownership lost something that was worth a lease. */
  private lostAt = 0
  private readonly servers: Array<Server>
  private chaos = true
  private names = 0
  private history: Array<string> = []

  constructor(seed: number, scenario: Scenario, options: Options) {
    this.kernel = new Kernel(seed, options)
    this.scenario = scenario
    this.seed = seed
    this.storage = new Storage({
      kernel: this.kernel,
      faults: (operation) => {
        if (!this.chaos) return noFaults
        if (operation === "append") return scenario.database
        const faults = scenario.reads ?? scenario.database
        // Requests without a nonce are not repeated.
        return operation === "start" ? { ...faults, twice: 0 } : faults
      },
      isStruck: (process) => {
        const { random } = this.kernel
        if (!this.chaos || process.frozen) return false
        if (random.chance(scenario.freezeOnCall)) {
          this.freeze(process, leaseMillis + random.below(3 * leaseMillis))
          return true
        }
        if (!random.chance(scenario.killOnCall)) return false
        const server = this.servers.find((each) => each.process === process)
        // At this instant, but after the outcome of the call is decided.
        if (server !== undefined) this.kernel.after(0, this.kernel.outside, () => this.kill(server))
        return server !== undefined
      },
      onCommitted: (executionId, events) => this.committed(executionId, events)
    })
    this.redis =
      options.redis === undefined || scenario.queue === "local"
        ? undefined
        : new SimulatedRedis(options.redis, {
            kernel: this.kernel,
            faults: () => (this.chaos ? scenario.network : noFaults),
            messageLost: () => (this.chaos ? scenario.messageLost : 0),
            prefix: `s${seed}-${prefixes++}`,
            queue: scenario.lane === undefined ? {} : { lanes: { default: scenario.lane } },
            lane: scenario.lane
          })
    if (scenario.queue === "shared" && this.redis === undefined) throw new Error("A shared queue needs a Redis server.")
    this.budget = new Budget(this.kernel, () => (this.chaos ? scenario.network : noFaults))
    this.effects = scenario.outbox === true ? new Effects(() => (this.chaos ? scenario.network : noFaults)) : undefined
    this.servers = Array.from({ length: scenario.servers }, () => this.boot())
    this.people = new People({
      kernel: this.kernel,
      scenario,
      witnesses: this.witnesses,
      scriptsOf: (index) => this.scriptsOf(index),
      withServer: (act) => this.withServer(act)
    })
    this.people.startAll()
    this.lookForKeys()
    this.people.lookForQuestions()
    this.disturb()
  }

  report(violation: Violation | undefined): Report {
    const sum = (of: (witness: SimulationWitness) => number) =>
      [...this.witnesses.values()].reduce((total, witness) => total + of(witness), 0)
    return {
      violation,
      history: this.kernel.trace ?? this.history,
      events: this.history.length,
      calls: sum(({ calls }) => calls),
      repeatedCalls: sum(({ repeatedCalls }) => repeatedCalls),
      millis: this.kernel.now - epoch
    }
  }

  async run(): Promise<void> {
    const { calmMillis, chaosMillis } = this.scenario
    const isOver = () => {
      this.check()
      return !this.chaos && this.isOver()
    }
    const came = await this.kernel.run({ until: epoch + chaosMillis + calmMillis, isOver })
    this.check()
    if (came !== "over") throw new Violation("does not end", `${came}: ${this.remains().join("; ")}`)
    this.checkEnd()
  }

  /** Removes its data from the server. */
  async close(): Promise<void> {
    await this.redis?.wipe()
  }

  // Processes

  private boot(): Server {
    const { kernel, scenario } = this
    const { random } = kernel
    const skew = scenario.skewMillis === 0 ? 0 : (random.next() * 2 - 1) * scenario.skewMillis
    const name = `p${++this.names}`
    const process = kernel.process(name, skew)
    const server: Server = {
      process,
      name,
      crewline: undefined,
      queue: undefined,
      scope: Effect.runSync(Scope.make())
    }
    const runner = Layer.effect(
      Worker.Runner,
      Effect.map(EventLog.EventLog, (log) =>
        Agent.make({
          process,
          log,
          witnessOf: (id) => this.witnesses.get(id)!,
          budget: this.budget,
          atWork: this.atWork,
          callMillis: () => random.next() * scenario.callMillis,
          onPoison: () => {
            if (process.alive) this.kill(server)
          }
        })
      )
    )
    const services = Layer.mergeAll(
      Toolbox.layerLocal,
      Workspace.layerNone,
      Layer.succeed(Llm.Llm, { resolve: () => Effect.die("no model is asked") })
    )
    const layer = Crewline.layer({
      leaseMillis,
      sweepMillis: scenario.sweeps ? sweepMillis : 1e9,
      worker: { name, maxCrashes, concurrency: 1 + random.below(6), graceMillis: random.chance(0.5) ? 0 : 5_000 }
    }).pipe(
      Layer.provide(runner),
      Layer.provide(this.outboxOf(process)),
      Layer.provideMerge(this.queueOf(process)),
      Layer.provideMerge(this.storage.layer(process)),
      Layer.provide(services)
    )
    process.fork(
      Effect.matchCause(Layer.buildWithScope(layer, server.scope), {
        onFailure: (cause) => void kernel.defects.push(`${name} does not start: ${Cause.pretty(cause)}`),
        onSuccess: (context) => {
          server.crewline = Context.get(context, Crewline.Crewline)
          server.queue = Context.get(context, TaskQueue.TaskQueue)
        }
      })
    )
    return server
  }

  private outboxOf(process: Process): Layer.Layer<never> {
    const { effects } = this
    if (effects === undefined) return Layer.empty
    const consumers = Layer.succeed(Outbox.Consumers, [effects.consumer(process)])
    return Layer.merge(this.storage.outboxLayer(process), consumers)
  }

  private queueOf(process: Process): Layer.Layer<TaskQueue.TaskQueue> {
    return this.redis === undefined ? LocalTaskQueue.layerLocal : this.redis.layer(process)
  }

  /** SIGKILL; another process comes in its place after a while. */
  private kill(server: Server): void {
    const { kernel } = this
    if (!server.process.alive) return
    kernel.note(`${server.name} is killed`)
    server.process.kill()
    kernel.after(kernel.random.below(3_000), kernel.outside, () => this.replace(server))
  }

  /** SIGTERM: it finishes, then dies. */
  private stop(server: Server): void {
    const { kernel } = this
    kernel.note(`${server.name} is stopped`)
    server.crewline = undefined
    const { process } = server
    this.stopping.add(process)
    const fiber = process.fork(Scope.close(server.scope, Exit.void))
    fiber.addObserver(() => {
      if (!process.alive) return
      kernel.note(`${server.name} has stopped`)
      process.kill()
      kernel.after(kernel.random.below(3_000), kernel.outside, () => this.replace(server))
    })
  }

  /** SIGSTOP, and SIGCONT. */
  private freeze(process: Process, millis: number): void {
    const { kernel } = this
    kernel.note(`${process.name} stands still for ${Math.round(millis)}`)
    process.freeze()
    kernel.after(millis, kernel.outside, () => {
      if (process.frozen) kernel.note(`${process.name} goes on`)
      process.thaw()
    })
  }

  private replace(server: Server): void {
    const next = this.boot()
    const at = this.servers.indexOf(server)
    if (at >= 0) this.servers[at] = next
  }

  private disturb(): void {
    const { kernel, scenario } = this
    const { random } = kernel
    const kinds: ReadonlyArray<readonly [perMinute: number, happen: () => void | Promise<void>]> = [
      [scenario.kills, () => this.withServer((server) => this.kill(server))],
      [scenario.drains, () => this.withServer((server) => this.stop(server))],
      [
        scenario.freezes,
        () =>
          this.withServer(({ process }) =>
            this.freeze(process, random.chance(0.5) ? random.below(5_000) : random.below(60_000))
          )
      ],
      [scenario.pauses, () => this.people.pause()],
      [
        scenario.wipes,
        () => {
          kernel.note("Redis is emptied")
          this.lostAt = kernel.now
          this.budget.wipe((id) => this.witnesses.get(id)!.knownCalls)
          return this.redis?.wipe()
        }
      ],
      [scenario.rollbacks * 2, () => this.redis?.remember()],
      [
        scenario.rollbacks,
        async () => {
          this.lostAt = kernel.now
          if (await this.redis?.rollBack()) kernel.note("Redis goes back to an older state")
        }
      ]
    ]
    for (const [perMinute, happen] of kinds) {
      const again = () => {
        if (perMinute === 0) return
        kernel.after((-Math.log(1 - random.next()) * 60_000) / perMinute, kernel.outside, () => {
          if (!this.chaos) return
          again()
          return happen()
        })
      }
      again()
    }
    kernel.after(scenario.chaosMillis, kernel.outside, () => {
      this.chaos = false
      kernel.note("calm")
      for (const { process } of this.servers) process.thaw()
      // Everyone who paused an execution resumes it.
      this.people.resumeAll()
    })
  }

  private lookForKeys(): void {
    this.kernel.after(1_000, this.kernel.outside, async () => {
      this.lookForKeys()
      if (this.redis !== undefined && !this.chaos) this.keys = await this.redis.keys()
    })
  }

  private withServer(act: (server: Server) => void): void {
    const able = this.servers.filter(
      ({ crewline, process }) => process.alive && !process.frozen && crewline !== undefined
    )
    if (able.length > 0) act(this.kernel.random.pick(able))
  }

  private scriptsOf(index: number): Script.Scripts {
    const scripts = Script.make(seedOf(this.seed, index), this.scenario.scripts)
    return { ...scripts, plan: { ...scripts.plan, name: `crew${index}` } }
  }

  // Observation

  private committed(id: string, events: ReadonlyArray<ExecutionEvent.ExecutionEvent>): void {
    this.effects?.committed(id, events)
    for (const event of events) {
      const text = `${id.slice(-4)} ${describe(event)}`
      this.history.push(`${this.kernel.now - epoch} ${text}`)
      this.kernel.note(text)
    }
    const [first] = events
    if (first?.type === "ExecutionStarted") {
      const index = Number(first.plan.name.slice("crew".length))
      this.witnesses.set(
        id,
        new SimulationWitness({
          id,
          scripts: this.scriptsOf(index),
          maxCrashes,
          takenFrom: (taskId, run) => this.takenFrom(id, taskId, run),
          overdrawn: () => this.budget.forgotten.get(id) ?? 0
        })
      )
    }
    try {
      this.witnesses.get(id)!.commit(events)
    } catch (error) {
      // It is kept by the witness; the database goes on.
      if (!(error instanceof Violation)) throw error
    }
  }

  /** A live process that has not stalled keeps its tasks unless the queue has lost data. */
  private takenFrom(id: string, taskId: string, run: number): string | undefined {
    const { now } = this.kernel
    const process = this.atWork.get(Agent.legOf(id, taskId, run))
    if (process === undefined || !process.alive || process.frozen || this.stopping.has(process)) return undefined
    // Without a shared queue only ownership determines the worker, and it is lost when three
    // renewals do not arrive.
    if (this.redis === undefined && !this.scenario.asksOnce) return undefined
    const since = Math.max(process.thawedAt, this.lostAt)
    return now - since > 4 * leaseMillis || since === 0 ? process.name : undefined
  }

  private check(): void {
    for (const { violation } of this.witnesses.values()) if (violation !== undefined) throw violation
    const { most = 0 } = this.redis ?? {}
    if (this.scenario.lane !== undefined && most > this.scenario.lane)
      throw new Violation("more at once than allowed", `${most} of ${this.scenario.lane}`)
    if (this.kernel.defects.length > 0) throw new Violation("defect", this.kernel.defects.join("; "))
  }

  private isOver(): boolean {
    return this.remains().length === 0
  }

  /** The work that still has to be done. */
  private remains(): ReadonlyArray<string> {
    const remains: Array<string> = []
    const begun = new Set([...this.witnesses.values()].map(({ scripts }) => scripts.plan.name))
    if (begun.size < this.scenario.executions) remains.push(`${this.scenario.executions - begun.size} to start`)
    for (const { ended, id, open } of this.witnesses.values())
      if (!ended) remains.push(`${id}: ${open.map((task) => `${task.id} ${task.status}`).join(", ")}`)
    for (const key of this.effects?.left ?? []) remains.push(`${key} to be done`)
    if (remains.length > 0) return remains
    if (this.redis !== undefined) return this.keys.length > 0 ? [`Redis still has ${this.keys.join()}`] : []
    for (const { name, process, queue } of this.servers) {
      if (!process.alive || queue === undefined) continue
      const known = Effect.runSync(queue.known({ after: undefined, limit: 10 }))
      if (known.length > 0)
        remains.push(`the queue of ${name} still knows ${known.map((each) => each.executionId).join()}`)
    }
    return remains
  }

  private checkEnd(): void {
    this.effects?.check()
    for (const witness of this.witnesses.values()) witness.checkSpent()
    if (!this.scenario.asksOnce) return
    for (const { calls, repeatedCalls } of this.witnesses.values())
      if (repeatedCalls > 0)
        throw new Violation("calls wasted", `${repeatedCalls} of ${calls} asked what was asked before`)
  }
}

const seedOf = (seed: number, index: number): number => (Math.imul(seed, 0x9e3779b1) + index * 7919) >>> 0

/** The violation, and how to reproduce it. */
export const tell = (seed: number, scenario: string, violation: Violation | undefined): string =>
  `${violation?.message ?? "nothing went wrong"}\nagain: npm run simulate -- --seeds 1 --from ${seed} --scenario "${scenario}" --trace`
