/**
 * All kinds of waits under random schedules: workers, sweeps and people around one log and one
 * queue, in an order determined by the seed, while processes die and stall, and data and replies
 * are lost. A seed always gives the same schedule.
 */
import * as HashMap from "effect/HashMap"
import * as Struct from "effect/Struct"
import * as Execution from "../../src/Execution.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import * as ProtocolKernel from "../protocol/Kernel.ts"
import * as Log from "../protocol/Log.ts"
import * as Outside from "../protocol/Outside.ts"
import { SimulatedQueue } from "../protocol/Queue.ts"
import * as ProtocolRules from "../protocol/Rules.ts"
import * as Sweeper from "../protocol/Sweeper.ts"
import { factsOf, type Server } from "../protocol/World.ts"
import * as Random from "../simulation/Random.ts"
import { Violation as ProtocolViolation } from "../simulation/Witness.ts"
import { Budget } from "./Budget.ts"
import * as Crew from "./Crew.ts"
import * as Kernel from "./Kernel.ts"
import type { Act, Self, World } from "./Leg.ts"
import * as Outbox from "./Outbox.ts"
import * as Retrying from "./Retrying.ts"
import { person } from "./People.ts"
import type { Rules } from "./Rules.ts"
import type { Scenario } from "./Scenario.ts"
import { type Kind, Violation } from "./Violation.ts"
import { WholeWaitsQueue } from "./WholeWaits.ts"
import { Witness } from "./Witness.ts"
import * as Worker from "./Worker.ts"

interface Place extends Server {
  readonly queue: SimulatedQueue
  readonly workers: Array<{ readonly self: Self; readonly act: Act }>
  readonly sweepers: Array<{ readonly act: Act; frozen: boolean }>
}

/** The result of a schedule: the violation, if there was one. */
export interface Report {
  readonly violation: Violation | undefined
  readonly history: ReadonlyArray<ExecutionEvent.ExecutionEvent>
  /** Counts by kind of event. */
  readonly counts: { readonly [what: string]: number }
}

/** Runs one schedule. */
export const run = (seed: number, rules: Rules, scenario: Scenario): Report => {
  const schedule = new Schedule(seed, rules, scenario)
  try {
    schedule.run()
  } catch (error) {
    const { counts, history } = schedule
    if (error instanceof Violation) return { violation: error, history, counts }
    if (!(error instanceof ProtocolViolation)) throw error
    return { violation: new Violation(error.kind as Kind, error.message), history, counts }
  }
  return { violation: undefined, history: schedule.history, counts: schedule.counts }
}

/** The result of the execution that is retried: the same crew, without external faults. */
const earlier = (seed: number, rules: Rules, scenario: Scenario): Report["history"] =>
  run(seed, rules, { ...Struct.omit(scenario, ["retries"]), chaosSteps: 0 }).history

class Schedule {
  private readonly random: Random.Random
  private readonly scenario: Scenario
  private readonly world: World
  private readonly place: Place
  private readonly people: Array<Act>
  private readonly outside: ReadonlyArray<Act>
  private names = 0

  constructor(seed: number, rules: Rules, scenario: Scenario) {
    const random = Random.make(seed)
    const { maxCrashes = 3 } = scenario
    const crew = Crew.make(seed, scenario.crew)
    const protocol = ProtocolRules.all
    const clock = () => (this.world as World | undefined)?.log.now ?? 0
    const retrying = scenario.retries === true ? Retrying.make(rules, earlier(seed, rules, scenario)) : undefined
    const eye = new Witness({ crew, maxCrashes, isCalm: scenario.chaosSteps === 0, now: clock })
    const kernel = Kernel.make(ProtocolKernel.make(protocol), rules, scenario.crew.maxGrowth)
    const outbox = scenario.outbox === true ? new Outbox.Outbox(rules, clock) : undefined
    const watching: Log.Watcher = {
      commit: (events, written) => {
        eye.commit(events, written)
        outbox?.commit(events)
      }
    }
    const log = new Log.Log({
      kernel,
      scenario,
      random,
      witness: watching,
      ...Log.makeStore(protocol, crew.plan, clock, retrying?.of)
    })
    this.random = random
    this.scenario = scenario
    this.world = {
      rules: protocol,
      kernel,
      scenario,
      random,
      log,
      maxCrashes,
      nonces: 0,
      waits: rules,
      seed,
      crew,
      eye,
      budget: new Budget(),
      retrying,
      outbox
    }
    const queue = rules.openToQueue
      ? new SimulatedQueue({ rules: protocol, random, clock })
      : new WholeWaitsQueue({ rules: protocol, random, clock, state: () => log.state })
    this.place = { name: "server", queue, workers: [], sweepers: [] }
    for (let left = scenario.workers; left > 0; left--) this.place.workers.push(this.hire())
    this.place.sweepers.push(this.sweeper(), this.sweeper())
    this.people = [this.person("ann"), this.person("bob")]
    this.outside = [
      ...(scenario.pause > 0 ? [Outside.pauser(this.world, [this.place])] : []),
      ...(outbox !== undefined && rules.outboxSweep ? [Outbox.sweep(outbox)] : []),
      ...(random.chance(scenario.cancel) ? [Outside.canceller(this.world, [this.place])] : [])
    ]
    // Otherwise the first sweep finds the started execution.
    if (!scenario.sweeps) queue.submit(factsOf(log.state, 0))
  }

  get history(): ReadonlyArray<ExecutionEvent.ExecutionEvent> {
    return this.world.log.store.read(0, Number.POSITIVE_INFINITY)
  }
  get counts(): Report["counts"] {
    return this.world.eye.counts
  }

  run(): void {
    const { eye, log } = this.world
    const { calmSteps, chaosSteps } = this.scenario
    for (let step = 0; step < chaosSteps + calmSteps; step++) {
      log.now++
      if (step === chaosSteps) this.calmDown()
      if (step < chaosSteps && this.disturb()) continue
      if (step % 16 === 0) {
        eye.checkFold(log.state)
        if (step > chaosSteps) eye.checkPromptness()
        if (this.isOver()) break
      }
      this.bury()
      if (!log.isIdle && this.random.chance(0.4)) log.step()
      else this.advance()
    }
    this.check()
  }

  /** One thing goes wrong, perhaps. */
  private disturb(): boolean {
    const { people, place, random, scenario } = this
    let dice = random.next()
    const happens = (probability: number) => (dice -= probability) < 0
    if (happens(scenario.kill)) {
      const { sweepers, workers } = place
      const at = random.below(workers.length + sweepers.length + 1)
      if (at < workers.length) workers[at] = this.hire()
      else if (at < workers.length + sweepers.length) sweepers[at - workers.length] = this.sweeper()
      // The server of a person dies between the log and the queue; where no sweep would mend that,
      // it does not.
      else if (scenario.sweepsQuiet) people[0] = this.person("ann")
    } else if (happens(scenario.freeze)) {
      const process = random.pick([...place.workers.map(({ self }) => self), ...place.sweepers])
      process.frozen = !process.frozen
    } else if (happens(scenario.drain)) random.pick(place.workers).self.draining = true
    else if (happens(scenario.wipe)) place.queue.wipe()
    else if (happens(scenario.rollback)) {
      if (random.chance(0.5)) place.queue.remember()
      else place.queue.rollBack()
    } else return false
    return true
  }

  private calmDown(): void {
    this.world.log.chaos = false
    for (const sweeper of this.place.sweepers) sweeper.frozen = false
    for (const { self } of this.place.workers) self.frozen = false
  }

  /** Workers that are gone are replaced, and their leases run out. */
  private bury(): void {
    const { queue, workers } = this.place
    workers.forEach(({ self }, index) => {
      if (self.poisoned || (self.draining && self.lease === undefined)) workers[index] = this.hire()
    })
    if (!this.random.chance(0.06)) return
    queue.expire((lease) => {
      const holder = workers.find(({ self }) => self.lease === lease)?.self
      return holder === undefined || holder.frozen
    })
  }

  /** An actor takes a step. */
  private advance(): void {
    const able = [...this.people, ...this.outside]
    for (const { act, self } of this.place.workers) if (!self.frozen) able.push(act)
    for (const { act, frozen } of this.place.sweepers) if (!frozen) able.push(act)
    this.random.pick(able).next()
  }

  private hire(): Place["workers"][number] {
    const name = `w${++this.names}`
    const self: Self = { name, server: this.place, lease: undefined, frozen: false, draining: false, poisoned: false }
    return { self, act: Worker.serve(this.world, self) }
  }
  private sweeper(): Place["sweepers"][number] {
    return { act: Sweeper.sweep(this.world, this.place, { owner: undefined, until: 0 }), frozen: false }
  }
  private person(name: string): Act {
    return person(this.world, name, [this.place])
  }

  private isOver(): boolean {
    const { log, outbox } = this.world
    if (outbox?.isEmpty === false) return false
    return log.state.status !== "running" && log.isIdle && this.place.queue.inspect() === "absent"
  }

  private check(): void {
    const { eye, log } = this.world
    const { state } = log
    if (state.status === "running") {
      const open = [...HashMap.values(state.tasks)].filter((task) => !Execution.isSettled(task))
      const tasks = open.map(({ plan, run, status }) => `${plan.id}@${run} ${status}`)
      const asks = [...HashMap.keys(state.open)]
      throw new Violation(
        "does not end",
        `${tasks.join(", ")}; open ${asks.join(", ")}; queue ${this.place.queue.inspect()}`
      )
    }
    if (this.place.queue.inspect() !== "absent") throw new Violation("kept after the end", "the queue")
    eye.checkFold(state)
    this.world.outbox?.check()
  }
}
