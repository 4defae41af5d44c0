/**
 * The whole protocol under random schedules: workers, sweeps, people and followers around one log
 * and its queues, in an order determined by the seed, while processes die and stall, and data and
 * replies are lost. A seed always gives the same schedule.
 */
import * as Execution from "../../src/Execution.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import * as Feed from "./Feed.ts"
import * as Follower from "./Follower.ts"
import { LocalQueue, makeStore, ScheduleClock } from "./Local.ts"
import * as Kernel from "./Kernel.ts"
import * as Log from "./Log.ts"
import * as Outside from "./Outside.ts"
import { SimulatedQueue } from "./Queue.ts"
import * as Random from "../simulation/Random.ts"
import type { Rules } from "./Rules.ts"
import type { Scenario } from "./Scenario.ts"
import * as Script from "../simulation/Script.ts"
import * as Sweeper from "./Sweeper.ts"
import { Violation } from "../simulation/Witness.ts"
import { ModelWitness } from "./Witness.ts"
import * as Worker from "./Worker.ts"
import { factsOf, type Act, type Server, type World } from "./World.ts"

/** Runs without progress after which a task is given up. */
const maxCrashes = 3
const workersPerServer = 3
const followers = 2

interface Place extends Server {
  name: string
  readonly queue: SimulatedQueue | LocalQueue
  frozen: boolean
  workers: Array<{ readonly self: Worker.Self; readonly act: Act }>
  sweepers: Array<{ act: Act; frozen: boolean }>
}

/** The result of a schedule: the violation, if there was one. */
export interface Report {
  readonly violation: Violation | undefined
  readonly history: ReadonlyArray<ExecutionEvent.ExecutionEvent>
}

/** Runs one schedule. */
export const run = (seed: number, rules: Rules, scenario: Scenario): Report => {
  const schedule = new Schedule(seed, rules, scenario)
  try {
    schedule.run()
    return { violation: undefined, history: schedule.history }
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    return { violation: error, history: schedule.history }
  }
}

class Schedule {
  private readonly random: Random.Random
  private readonly scenario: Scenario
  private readonly world: World
  private readonly places: ReadonlyArray<Place>
  private readonly outside: Array<Act>
  private readonly followers: Array<{ readonly self: Follower.Self; act: Act }>
  private readonly feed: Feed.Feed
  private readonly ownership: Sweeper.Ownership = { owner: undefined, until: 0 }
  private readonly clock: ScheduleClock
  private names = 0

  constructor(seed: number, rules: Rules, scenario: Scenario) {
    const random = Random.make(seed)
    const scripts = Script.make(seed, scenario.scripts)
    const witness = new ModelWitness({
      rules,
      scripts,
      maxCrashes,
      takenFrom: (task, run, by) => this.takenFrom(task, run, by)
    })
    const kernel = Kernel.make(rules)
    const clock = () => (this.world as World | undefined)?.log.now ?? 0
    this.clock = new ScheduleClock(clock)
    const { started, store } =
      scenario.log === "local" ? makeStore(scripts.plan, this.clock) : Log.makeStore(rules, scripts.plan, clock)
    const log = new Log.Log({ kernel, scenario, random, witness, store, started })
    this.random = random
    this.feed = new Feed.Feed(seed, rules)
    this.scenario = scenario
    this.world = { rules, kernel, scenario, random, scripts, log, witness, maxCrashes, nonces: 0 }
    this.places = Array.from({ length: scenario.servers }, (_, index) => {
      const queue =
        scenario.queue === "local" ? new LocalQueue(this.clock) : new SimulatedQueue({ rules, random, clock })
      const place: Place = { name: `server${index}`, queue, frozen: false, workers: [], sweepers: [] }
      place.workers = Array.from({ length: workersPerServer }, () => this.hire(place))
      place.sweepers = [this.sweeper(place), this.sweeper(place)]
      return place
    })
    this.outside = [
      ...(scenario.people ? ["ann", "bob"].map((name) => Outside.person(this.world, name, this.places)) : []),
      ...(scenario.pause > 0 ? [Outside.pauser(this.world, this.places)] : []),
      ...(random.chance(scenario.cancel) ? [Outside.canceller(this.world, this.places)] : [])
    ]
    // Otherwise the first sweep finds the started execution.
    if (!scenario.sweeps) for (const { queue } of this.places) queue.submit(factsOf(log.state, 0))
    this.followers = Array.from({ length: followers }, () => {
      const self = { cursor: 0, ended: false }
      return { self, act: Follower.follow(this.world, self) }
    })
  }

  get history(): ReadonlyArray<ExecutionEvent.ExecutionEvent> {
    return this.world.log.store.read(0, Number.POSITIVE_INFINITY)
  }

  run(): void {
    const { log } = this.world
    const { calmSteps, chaosSteps } = this.scenario
    for (let step = 0; step < chaosSteps + calmSteps; step++) {
      log.now++
      this.clock.tick()
      this.feed.step()
      if (step === chaosSteps) this.calmDown()
      if (step < chaosSteps) {
        if (this.disturb()) continue
      } else if (this.isOver()) break
      this.bury()
      if (!log.isIdle && this.random.chance(0.4)) log.step()
      else this.advance()
    }
    this.check()
  }

  /** One thing goes wrong, perhaps. */
  private disturb(): boolean {
    const { scenario } = this
    let dice = this.random.next()
    const happens = (probability: number) => (dice -= probability) < 0
    const place = this.random.pick(this.places)
    if (happens(scenario.kill)) {
      const at = this.random.below(place.workers.length + place.sweepers.length + 1)
      if (at < place.workers.length) place.workers[at] = this.hire(place)
      else if (at < place.workers.length + place.sweepers.length)
        place.sweepers[at - place.workers.length] = this.sweeper(place)
      // The server of a person dies between the log and the queue; where no sweep would mend that,
      // it does not.
      else if (scenario.sweepsQuiet && scenario.people) this.outside[0] = Outside.person(this.world, "ann", this.places)
    } else if (happens(scenario.freeze)) {
      const process = this.random.pick([...place.workers.map((worker) => worker.self), ...place.sweepers])
      process.frozen = !process.frozen
    } else if (happens(scenario.serverKill)) this.restart(place)
    else if (happens(scenario.serverFreeze)) place.frozen = !place.frozen
    else if (happens(scenario.drain)) this.random.pick(place.workers).self.draining = true
    else if (happens(scenario.wipe)) place.queue.wipe()
    else if (happens(scenario.rollback)) {
      if (this.random.chance(0.5)) place.queue.remember()
      else place.queue.rollBack()
    } else if (happens(scenario.cut)) {
      const follower = this.random.pick(this.followers)
      follower.act = Follower.follow(this.world, follower.self)
    } else return false
    return true
  }

  private calmDown(): void {
    this.world.log.chaos = false
    for (const place of this.places) {
      place.frozen = false
      for (const sweeper of place.sweepers) sweeper.frozen = false
      for (const { self } of place.workers) self.frozen = false
    }
  }

  /** The process is gone, and its queue with it; another takes its place, under a new name. */
  private restart(place: Place): void {
    place.name = `server${++this.names}`
    place.frozen = false
    place.queue.wipe()
    place.workers = place.workers.map(() => this.hire(place))
    place.sweepers = place.sweepers.map(() => this.sweeper(place))
  }

  /**
   * Replaces workers that were asked to stop and did, or were poisoned; leases of dead workers may
   * expire.
   */
  private bury(): void {
    for (const place of this.places) {
      place.workers.forEach(({ self }, index) => {
        // Within a process, no worker dies alone.
        if (self.poisoned && this.scenario.queue === "local") this.restart(place)
        else if (self.poisoned || (self.draining && self.lease === undefined)) place.workers[index] = this.hire(place)
      })
      if (!this.random.chance(0.06)) continue
      place.queue.expire((lease) => {
        const holder = place.workers.find(({ self }) => self.lease === lease)?.self
        return holder === undefined || holder.frozen || place.frozen
      })
    }
  }

  private advance(): void {
    const able: Array<Act> = [...this.outside]
    for (const { frozen: stopped, sweepers, workers } of this.places) {
      if (stopped) continue
      for (const { act, self } of workers) if (!self.frozen) able.push(act)
      for (const { act, frozen } of sweepers) if (!frozen) able.push(act)
    }
    for (const { act, self } of this.followers) if (!self.ended) able.push(act)
    this.random.pick(able).next()
  }

  private hire(place: Place): Place["workers"][number] {
    const self: Worker.Self = {
      name: `w${++this.names}`,
      server: place,
      lease: undefined,
      run: undefined,
      frozen: false,
      draining: false,
      poisoned: false
    }
    return { self, act: Worker.work(this.world, self) }
  }

  private sweeper(place: Place): Place["sweepers"][number] {
    return { act: Sweeper.sweep(this.world, place, this.ownership), frozen: false }
  }

  /**
   * A start takes the task from its previous worker, but never from a live worker that holds its
   * lease; this returns such a worker. Only a process that stalled for too long may do so, until
   * its sweep finds that it owns nothing any more; the fence makes that safe.
   */
  private takenFrom(taskId: string, run: number, by: string): string | undefined {
    for (const place of this.places) {
      if (place.frozen || !this.owns(place)) continue
      for (const { self } of place.workers) {
        const { frozen, lease, name } = self
        const holds = lease?.taskId === taskId && self.run === run && !lease.over && lease.era === place.queue.era
        if (
          !holds ||
          frozen ||
          !this.owns(this.places.find(({ workers }) => workers.some((each) => each.self.name === by)))
        )
          continue
        return `${name}, which lives and holds its lease`
      }
    }
    return undefined
  }

  private owns(place: Place | undefined): boolean {
    const { rules, scenario } = this.world
    return !rules.ownerLease || scenario.servers === 1 || place?.name === this.ownership.owner
  }

  private isOver(): boolean {
    return (
      this.world.log.state.status !== "running" &&
      this.followers.every(({ self }) => self.ended) &&
      this.places.every(({ queue }) => queue.inspect() === "absent")
    )
  }

  private check(): void {
    this.feed.finish()
    const { log, rules, witness } = this.world
    const { state } = log
    if (state.status === "running") {
      const queues = this.places.map(({ queue }) => queue.inspect())
      throw new Violation(
        "does not end",
        `${witness.open.map((task) => `${task.id} ${task.status}`).join(", ")}; queue ${queues.join()}`
      )
    }
    if (this.followers.some(({ self }) => !self.ended)) throw new Violation("follower", "it never saw the end")
    if (this.places.some(({ queue }) => queue.inspect() !== "absent"))
      throw new Violation("kept after the end", "the queue still knows the execution")
    if (this.scenario.asksOnce && witness.repeatedCalls > 0)
      throw new Violation("calls wasted", `${witness.repeatedCalls} of ${witness.calls} asked what was asked before`)
    const paid = witness.paidCalls
    if (state.usage.requests !== paid)
      throw new Violation("fold differs", `${state.usage.requests} requests in the fold, ${paid} in the log`)
    if (!rules.runFence) return
    for (const task of witness.tasks.values()) {
      const folded = Execution.task(state, task.id)
      if (folded === undefined || folded.run !== task.run || !Execution.isSettled(folded))
        throw new Violation("fold differs", `${task.id} is ${folded?.status}@${folded?.run}, not settled@${task.run}`)
    }
  }
}
