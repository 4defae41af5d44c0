/**
 * People who start executions, answer, pause and cancel, through any process that can be reached.
 */
import type * as Ask from "@crewline/core/Ask"
import type * as Crewline from "@crewline/core/Crewline"
import type * as EventLog from "@crewline/core/EventLog"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Scripts } from "../../../core/test/simulation/Script.ts"
import type { Kernel, Process } from "./Kernel.ts"
import type { Scenario } from "./Scenario.ts"
import type { SimulationWitness } from "./Witness.ts"

/** A process that accepts requests. */
interface Reachable {
  readonly process: Process
  readonly crewline: Crewline.Crewline["Service"] | undefined
}

export interface Options {
  readonly kernel: Kernel
  readonly scenario: Scenario
  readonly witnesses: ReadonlyMap<string, SimulationWitness>
  readonly scriptsOf: (index: number) => Scripts
  /** Nothing happens when no process can be reached. */
  readonly withServer: (act: (server: Reachable) => void) => void
}

export class People {
  private readonly options: Options

  constructor(options: Options) {
    this.options = options
  }

  /** Starts all executions, within ten seconds. */
  startAll(): void {
    const { kernel, scenario } = this.options
    for (let index = 0; index < scenario.executions; index++) this.startLater(index, kernel.random.below(10_000))
  }

  /** Answers from now on, now and then. */
  lookForQuestions(): void {
    const { kernel, scenario } = this.options
    kernel.after(500 + kernel.random.below(3_000), kernel.outside, () => {
      if (scenario.people) this.answer()
      this.lookForQuestions()
    })
  }

  /** Starts an execution; the outcome is known from the log, not from the answer. */
  private startLater(index: number, millis: number): void {
    const { kernel, scenario, scriptsOf, withServer, witnesses } = this.options
    kernel.after(millis, kernel.outside, () => {
      const name = `crew${index}`
      const began = () => [...witnesses.values()].some((witness) => witness.scripts.plan.name === name)
      if (began()) return
      withServer((server) => {
        const scripts = scriptsOf(index)
        const fiber = server.process.fork(server.crewline!.startPlan(scripts.plan))
        fiber.addObserver((exit) => {
          if (Exit.isSuccess(exit)) server.process.fork(Effect.exit(exit.value.result))
        })
      })
      this.startLater(index, 5_000)
    })
    if (millis > 0 && scenario.cancel > kernel.random.next()) {
      const tryCancel = () => {
        const id = [...witnesses.entries()].find(([, { scripts }]) => scripts.plan.name === `crew${index}`)?.[0]
        if (id === undefined || !witnesses.get(id)!.ended) {
          if (id !== undefined) this.ask((crewline) => crewline.cancel(id))
          kernel.after(3_000, kernel.outside, tryCancel)
        }
      }
      kernel.after(kernel.random.below(100_000), kernel.outside, tryCancel)
    }
  }

  private ask(act: (crewline: Crewline.Crewline["Service"]) => Effect.Effect<unknown, EventLog.EventLogError>): void {
    this.options.withServer(({ crewline, process }) => void process.fork(Effect.ignore(act(crewline!))))
  }

  private answer(): void {
    const { kernel, witnesses } = this.options
    const { random } = kernel
    const asked = [...witnesses.values()].flatMap((witness) =>
      witness.unanswered.map((signal) => ({ ...signal, execution: witness.id }))
    )
    if (asked.length === 0) return
    const { execution, forever, id } = random.pick(asked)
    const answer = (times: number): Ask.Answer =>
      id.startsWith("budget/") ? this.decide(id) : { answer: "reply", value: `answer ${times}` }
    if (!forever && random.chance(0.5)) return
    // An answer may arrive after its wait has ended, and two people may answer at once.
    const later = forever ? 0 : random.below(15_000)
    for (let times = random.chance(0.2) ? 2 : 1; times > 0; times--)
      kernel.after(later + random.below(50), kernel.outside, () =>
        this.ask((crewline) => Effect.ignore(crewline.answer(`${execution}~${id.replaceAll("/", "~")}`, answer(times))))
      )
  }

  /** More for a limit, mostly: more than it had before. */
  private decide(id: string): Ask.Answer {
    const raises = Number(id.slice(id.lastIndexOf("/") + 1))
    return this.options.kernel.random.chance(0.1)
      ? { answer: "deny" }
      : { answer: "raise", limits: { requests: 8 + 4 * raises } }
  }

  /** Pauses an execution for a while. */
  pause(): void {
    const { kernel, witnesses } = this.options
    const open = [...witnesses.values()].filter(({ ended }) => !ended)
    if (open.length === 0) return
    const { id } = kernel.random.pick(open)
    this.ask((crewline) => crewline.pause(id))
    kernel.after(kernel.random.below(20_000), kernel.outside, () => this.ask((crewline) => crewline.resume(id)))
  }

  /** Undoes every pause. */
  resumeAll(): void {
    const { kernel, witnesses } = this.options
    for (const { ended, id, paused } of witnesses.values())
      if (!ended && paused) this.ask((crewline) => crewline.resume(id))
    // A pause may be in flight, and so may a request to a process.
    kernel.after(5_000, kernel.outside, () => this.resumeAll())
  }
}
