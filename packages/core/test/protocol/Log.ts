/**
 * The log of one modelled execution and the network in front of it: a request is in flight, is
 * committed, and its reply is in flight; at each of these points its client may die, and the reply
 * may be lost. A `Store` decides what is stored: the simulated one here, with its rules as
 * switches, or the real log of a process.
 */
import * as Execution from "../../src/Execution.ts"
import * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Plan from "../../src/Plan.ts"
import type { Kernel } from "./Kernel.ts"
import type { Random } from "../simulation/Random.ts"
import type { Rules } from "./Rules.ts"
import type { Scenario } from "./Scenario.ts"
import type { Basis, Written } from "./Witness.ts"

export type Reply =
  | { readonly _tag: "Appended"; readonly events: ReadonlyArray<ExecutionEvent.ExecutionEvent> }
  | { readonly _tag: "Conflict" }
  | { readonly _tag: "Ended" }
  | { readonly _tag: "AlreadySettled" }
  /** Stored or not: the client cannot know. */
  | { readonly _tag: "Unavailable" }

export interface Append {
  readonly drafts: ReadonlyArray<ExecutionEvent.Draft>
  /** The position at which each event's writer believed its task to be, for the witness. */
  readonly bases: ReadonlyArray<Basis | undefined>
  readonly expectVersion: number | undefined
  readonly nonce: string | undefined
  /** The last event that its decision knew of. */
  readonly decidedAt?: number
}

/**
 * The storage's reply, and the events that it stored now (empty when it already had the append).
 */
export interface Stored {
  readonly reply: Reply
  readonly fresh: ReadonlyArray<ExecutionEvent.ExecutionEvent>
  readonly bases: ReadonlyArray<Basis | undefined>
}

export interface Store {
  /** Numbers taken before the commit, where that is done. */
  readonly reserve?: (append: Append) => number
  readonly append: (append: Append, reserved: number | undefined) => Stored
  /** Committed events with a greater number, in its order. */
  readonly read: (after: number, limit: number) => ReadonlyArray<ExecutionEvent.ExecutionEvent>
}

interface Request {
  readonly append: Append
  readonly reserved: number | undefined
  reply: Reply | undefined
}

/** Sees every commit, before it is folded. */
export interface Watcher {
  readonly commit: (events: ReadonlyArray<ExecutionEvent.ExecutionEvent>, written: Written) => void
}

export interface Options {
  readonly kernel: Kernel
  readonly scenario: Scenario
  readonly random: Random
  readonly witness: Watcher
  readonly store: Store
  readonly started: ExecutionEvent.Of<"ExecutionStarted">
}

export class Log {
  state: Execution.Execution
  now = 0
  chaos = true
  /** Grows with every commit: the content of a hint. */
  commits = 0
  readonly store: Store
  private readonly options: Options
  private readonly underWay: Array<Request> = []
  private readonly hints = new Set<{ woken: boolean }>()

  constructor(options: Options) {
    this.options = options
    this.store = options.store
    this.state = Execution.make(options.started)
  }

  get isIdle(): boolean {
    return this.underWay.length === 0
  }

  /** Sends an append and waits for its reply. */
  *append(append: Append): Generator<void, Reply> {
    const request: Request = { append, reserved: this.store.reserve?.(append), reply: undefined }
    this.underWay.push(request)
    while (request.reply === undefined) yield
    return request.reply
  }

  /** Wakes the readers that wait for new events. */
  subscribe(): { woken: boolean } {
    const hint = { woken: false }
    this.hints.add(hint)
    return hint
  }

  /** One thing happens in the database or on the way to it. */
  step(): void {
    const { random, scenario } = this.options
    if (this.underWay.length === 0) return
    const at = random.below(this.underWay.length)
    const request = this.underWay[at]!
    if (this.chaos) {
      if (random.chance(scenario.clientTimeout)) {
        request.reply ??= { _tag: "Unavailable" }
        return
      }
      if (random.chance(scenario.databaseRollback)) {
        this.underWay.splice(at, 1)
        request.reply ??= { _tag: "Unavailable" }
        return
      }
    }
    this.underWay.splice(at, 1)
    const reply = this.commit(request)
    request.reply ??= this.chaos && random.chance(scenario.lostReply) ? { _tag: "Unavailable" } : reply
  }

  private commit({ append, reserved }: Request): Reply {
    const { kernel, random, scenario, witness } = this.options
    const { bases, fresh, reply } = this.store.append(append, reserved)
    if (fresh.length > 0) {
      witness.commit(fresh, { bases, decidedAt: append.decidedAt })
      for (const event of fresh) this.state = kernel.apply(this.state, event)
      this.commits++
      for (const hint of this.hints) if (!(this.chaos && random.chance(scenario.hintDropped))) hint.woken = true
      this.hints.clear()
    }
    return reply
  }
}

export const timeOf = (now: number): string => new Date(now).toISOString()

/** The simulated storage of one execution. */
export const makeStore = (
  rules: Rules,
  plan: Plan.Plan,
  clock: () => number,
  retryOf?: ExecutionEvent.RetryOf
): { readonly store: Store; readonly started: ExecutionEvent.Of<"ExecutionStarted"> } => {
  const started = {
    type: "ExecutionStarted",
    plan,
    seq: 1,
    at: timeOf(0),
    executionId: "e",
    ...(retryOf === undefined ? {} : { retryOf })
  } as const
  const events: Array<ExecutionEvent.ExecutionEvent> = [started]
  const nonces = new Map<string, Reply>()
  const turns = new Set<string>()
  const settled = new Set<string>()
  let version = 1
  let ended = false
  let numbers = 1

  const append = (request: Append, reserved: number | undefined): Stored => {
    const refuse = (_tag: "Conflict" | "Ended" | "AlreadySettled"): Stored => ({
      reply: { _tag },
      fresh: [],
      bases: []
    })
    if (rules.nonce && request.nonce !== undefined) {
      const earlier = nonces.get(request.nonce)
      if (earlier !== undefined) return { reply: earlier, fresh: [], bases: [] }
    }
    if (rules.endGuard && ended) return refuse("Ended")
    if (request.expectVersion !== undefined && request.expectVersion !== version) return refuse("Conflict")
    const kept = request.drafts.map(
      (draft) => !(rules.turnOnce && draft.type === "TurnCompleted" && turns.has(turnKey(draft)))
    )
    const drafts = request.drafts.filter((_, index) => kept[index])
    for (const draft of drafts) {
      if (rules.terminalOnce && ExecutionEvent.isTerminal(draft) && "taskId" in draft && settled.has(draft.taskId))
        return refuse("AlreadySettled")
    }
    const at = timeOf(clock())
    const fresh = drafts.map((draft, index) => {
      const seq = reserved === undefined ? ++numbers : reserved + index
      if (draft.type === "TurnCompleted") turns.add(turnKey(draft))
      if (ExecutionEvent.isTerminal(draft) && "taskId" in draft) settled.add(draft.taskId)
      if (ExecutionEvent.isStructural(draft)) version++
      if (draft.type === "ExecutionEnded") ended = true
      return { ...draft, seq, at, executionId: "e" }
    })
    events.push(...fresh)
    const reply: Reply = { _tag: "Appended", events: fresh }
    if (request.nonce !== undefined) nonces.set(request.nonce, reply)
    return { reply, fresh, bases: request.bases.filter((_, index) => kept[index]) }
  }

  const store: Store = {
    append,
    read: (after, limit) =>
      rules.commitOrder
        ? events.slice(after, after + limit)
        : events
            .filter((event) => event.seq > after)
            .sort((a, b) => a.seq - b.seq)
            .slice(0, limit),
    ...(rules.commitOrder
      ? {}
      : {
          // As an identity column does: the number is taken when the row is written, the row is
          // seen when it is committed.
          reserve: (request) => {
            numbers += request.drafts.length
            return numbers - request.drafts.length + 1
          }
        })
  }
  return { store, started }
}

const turnKey = ({ run, taskId, turn }: ExecutionEvent.TurnCompleted): string => `${run} ${turn} ${taskId}`
