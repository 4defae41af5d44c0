/**
 * The rules of the protocol in the production code, each with its removal: text that is replaced
 * when the module is loaded. Without any one of them a simulation fails within a number of seeds. A
 * text that is not found exactly once is an error: the rule has moved, and its entry must be
 * updated.
 *
 * Rules that can be tested only on a model, because the code has no text to remove for them, are
 * switches of core's `Protocol.test.ts`.
 */
import { readFileSync } from "node:fs"
import { registerHooks, stripTypeScriptTypes } from "node:module"
import { fileURLToPath } from "node:url"
import { mutations as budgets } from "./BudgetMutations.ts"
import type { ScenarioName } from "./Scenario.ts"
import type { Kind } from "../../../core/test/simulation/Witness.ts"

interface Change {
  /** From `packages`. */
  readonly file: string
  readonly find: string
  readonly replace: string
}

export interface Mutation {
  /** The number of the rule. */
  readonly number: string
  /** The guarantee while the rule is in place. */
  readonly says: string
  readonly changes: ReadonlyArray<Change>
  /** The schedules in which its absence causes a failure, within this many seeds. */
  readonly scenario: ScenarioName
  readonly within: number
  /** The violation must be one of these; absent: any. */
  readonly violates?: ReadonlyArray<Kind>
}

const appending = "core/src/LocalEventLog/Appending.ts"
const owning = "core/src/LocalEventLog/Owning.ts"
const waking = "core/src/Decision/Waking.ts"
const answering = "core/src/Decision/Answer.ts"
const start = "core/src/Decision/Start.ts"
const finish = "core/src/Decision/Finish.ts"
const settling = "core/src/Decision/Settling.ts"
const execution = "core/src/Execution.ts"
const deciding = "core/src/Worker/Ledger/Deciding.ts"
const worker = "core/src/Worker/Working.ts"
const legs = "core/src/Worker/Legs.ts"
const news = "core/src/Worker/QueueSync.ts"
const refusals = "core/src/Worker/Refusals.ts"
const takeUp = "core/src/Crewline/Ownership/TakeUp.ts"
const sweep = "core/src/Crewline/Ownership/Sweep.ts"
const lua = "queue-redis/src/RedisTaskQueue/Lua.ts"
const heartbeats = "queue-redis/src/RedisTaskQueue/Heartbeats.ts"

const mutations = {
  ...budgets,
  endGuard: {
    number: "2",
    says: "After the end the log refuses everything.",
    changes: [
      {
        file: appending,
        find: "if (Execution.isEnded(execution)) return new EventLog.Ended({})",
        replace: ""
      }
    ],
    scenario: "failover",
    within: 100
  },
  expectVersion: {
    number: "2, 3",
    says: "A decision is appended only on the version that it was taken on.",
    changes: [{ file: deciding, find: "expectVersion: base.version,", replace: "" }],
    scenario: "shared",
    within: 50
  },
  nonce: {
    number: "4",
    says: "An append that is sent again is stored once.",
    changes: [
      { file: appending, find: "if (earlier !== undefined) return Effect.succeed(earlier)\n      }", replace: "}" }
    ],
    scenario: "failover",
    within: 200
  },
  runFence: {
    number: "5",
    says: "Whoever was fenced off by another run decides nothing.",
    changes: [
      {
        file: finish,
        find: `if (task.run !== run || task.status !== "running")`,
        replace: `if (task.status !== "running")`
      }
    ],
    scenario: "shared",
    within: 200
  },
  reread: {
    number: "6",
    says: "A leg goes on from what the log says of its task, read after its start.",
    changes: [
      {
        file: legs,
        find: "task.run === 1 && refused === undefined\n",
        replace: "task.run > 0\n"
      }
    ],
    scenario: "failover",
    within: 50,
    violates: ["transcript differs"]
  },
  settledStays: {
    number: "7",
    says: "A settled task never reopens.",
    changes: [
      {
        file: start,
        find: `if (Execution.isSettled(task)) return Result.fail("settled")\n  if (command.seenRun`,
        replace: "if (command.seenRun"
      }
    ],
    scenario: "rolled back",
    within: 100,
    violates: ["start of a settled task"]
  },
  crashesInARow: {
    number: "10",
    says: "Only runs in a row that recorded nothing count as crashes.",
    changes: [
      {
        file: execution,
        find: `task.status === "running" && !task.progressed ? task.crashes + 1 : 0`,
        replace: `task.status === "running" ? task.crashes + 1 : 0`
      },
      {
        file: execution,
        find: "{ ...next, heard, progressed: true, crashes: 0 }",
        replace: "{ ...next, heard, progressed: true }"
      }
    ],
    scenario: "deadly",
    within: 200,
    violates: ["given up unjustly"]
  },
  crashLimit: {
    number: "10, 12",
    says: "After so many crashes the task is given up.",
    changes: [{ file: start, find: "crashes > 0 && crashes >= command.maxCrashes", replace: "crashes < 0" }],
    scenario: "poisoned",
    within: 20,
    violates: ["does not end"]
  },
  timerFence: {
    number: "11",
    says: "A timer that ran out ends only the wait that it was set for.",
    changes: [{ file: start, find: "command.timedOut === task.run &&", replace: "command.timedOut !== undefined &&" }],
    scenario: "shared, waiting",
    within: 600,
    violates: ["woken too early"]
  },
  leaseAfterFold: {
    number: "13",
    says: "The lease is looked at once more after the log was read.",
    changes: [{ file: worker, find: "if (!(yield* queue.holds(lease))) return undefined\n", replace: "" }],
    scenario: "frozen",
    within: 300,
    violates: ["taken away"]
  },
  seenRun: {
    number: "13",
    says: "A start that another worker made since the log was read wins.",
    changes: [{ file: start, find: "command.seenRun !== undefined && command.seenRun !== task.run", replace: "false" }],
    scenario: "frozen",
    within: 1_500,
    violates: ["taken away"]
  },
  backoffOnTake: {
    number: "13",
    says: "A task that is taken before its next attempt is due is handed back.",
    changes: [{ file: start, find: `if (isDelayed(task, command.now)) return Result.fail("delayed")`, replace: "" }],
    scenario: "rolled back",
    within: 200,
    violates: ["start before its backoff"]
  },
  pauseStopsStarts: {
    number: "13, 27",
    says: "Nothing starts while the log says paused, whatever the queue hands out.",
    changes: [{ file: start, find: `if (state.paused) return Result.fail("paused")`, replace: "" }],
    scenario: "shared",
    within: 100,
    violates: ["start while paused"]
  },
  suspendedAgain: {
    number: "13",
    says: "What the log says is suspended is suspended in the queue again.",
    changes: [
      { file: refusals, find: "return suspendAgain(lease)", replace: "return queue.release(lease, 3_600_000)" }
    ],
    scenario: "rolled back",
    within: 100,
    violates: ["does not end"]
  },
  parentTakesChildren: {
    number: "15",
    says: "Whoever ends takes the open tasks that it spawned with it, in the same append.",
    changes: [
      {
        file: settling,
        find: "const descendants = Reach.spawnedBy(state, event.taskId)",
        replace: "const descendants: ReadonlyArray<string> = []"
      },
      { file: waking, find: 'if (group.rest === "keep") continue', replace: "continue" }
    ],
    scenario: "calm",
    within: 100,
    violates: ["a child outlives its parent", "open tasks at the end"]
  },
  firstAnswer: {
    number: "16",
    says: "The first answer to an ask wins.",
    changes: [
      {
        file: answering,
        find: "const ask = Execution.openOf(state, id)",
        replace:
          'const ask = Execution.openOf(state, id) ?? { kind: "question" as const, taskId: id.slice(0, id.lastIndexOf("/")), hash: `hash of ${id}` }'
      }
    ],
    scenario: "calm",
    within: 100,
    violates: ["answered twice"]
  },
  submitIfAbsent: {
    number: "17",
    says: "An execution that the queue knows is not submitted over it.",
    changes: [
      {
        file: lua,
        find: "if call('EXISTS', HASH) == 1 then -- guard(false): activated-only-if-absent",
        replace: "if false then"
      }
    ],
    scenario: "shared",
    within: 200
  },
  readAfterSubmit: {
    number: "17",
    says: "After a submission the queue is told what came since the log was read.",
    changes: [
      {
        file: news,
        find: "if (newest === undefined || newest.lastSeq === state.lastSeq) return\n",
        replace: "if (newest !== undefined) return\n"
      },
      // The sweep would mend it.
      { file: takeUp, find: '(status === "idle" && upTo >= lastSeq)', replace: 'status === "idle"' }
    ],
    scenario: "wiped, told once",
    within: 600,
    violates: ["does not end"]
  },
  sweepAbsent: {
    number: "18",
    says: "The sweep submits what the queue lacks.",
    changes: [{ file: takeUp, find: 'if (status === "absent") return yield* sync.enqueue(state)', replace: "" }],
    scenario: "wiped, told once",
    within: 20,
    violates: ["does not end"]
  },
  sweepQuiet: {
    number: "18",
    says: "The sweep tells a quiet queue what it was not told, as far as it says it was told.",
    changes: [{ file: takeUp, find: '(status === "idle" && upTo >= lastSeq)', replace: 'status === "idle"' }],
    scenario: "rolled back",
    within: 200,
    violates: ["does not end"]
  },
  sweepForgets: {
    number: "18",
    says: "The sweep makes the queue forget what the log has ended.",
    changes: [{ file: sweep, find: "    yield* tidy(ids)", replace: "" }],
    scenario: "rolled back",
    within: 100,
    violates: ["does not end"]
  },
  logClock: {
    number: "11",
    says: "Delays count from the time of the log, not of this machine.",
    changes: [
      {
        file: "core/src/Worker/LogClock.ts",
        find: "const passed = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6",
        replace: "if (log !== undefined) return clock.currentTimeMillis\n  const passed = () => 0"
      }
    ],
    scenario: "skewed",
    within: 100,
    violates: ["woken too early", "start before its backoff", "does not end"]
  },
  newestPause: {
    number: "18, 27",
    says: "Of what the queue is told about a pause, the newest counts, whatever comes last.",
    changes: [
      {
        file: lua,
        find: "if seq < tonumber(call('HGET', x.key, 'S')) then return end -- guard(false): newest-pause",
        replace: ""
      }
    ],
    scenario: "pausing",
    within: 300,
    violates: ["does not end"]
  },
  unknownIsNothing: {
    number: "19",
    says: "Told about an execution that it does not know, the queue writes nothing.",
    changes: [
      {
        file: lua,
        find: "if not meta[1] then return nil end -- guard(false): unknown-execution",
        replace: "meta = { meta[1] or 'default', meta[2] or '1' }"
      }
    ],
    scenario: "shared",
    within: 100,
    violates: ["defect", "does not end"]
  },
  ownerLease: {
    number: "21",
    says: "Of processes with queues of their own only the owner of an execution runs it.",
    changes: [
      {
        file: owning,
        find: "!owned && (execution.owner === undefined || execution.leaseUntil <= millis)",
        replace: "!owned"
      }
    ],
    scenario: "two servers",
    within: 20,
    violates: ["taken away", "calls wasted"]
  },
  leasesRunOut: {
    number: "12",
    says: "The lease of a worker that died runs out.",
    changes: [
      {
        file: lua,
        find: "local expired, places = overdue(LEASES), {}",
        replace: "local expired, places = {}, {}"
      }
    ],
    scenario: "shared",
    within: 50,
    violates: ["does not end"]
  },
  heartbeat: {
    number: "12",
    says: "A worker that lives renews its leases.",
    changes: [{ file: heartbeats, find: "if (leases.length > 0) yield* renew(leases)", replace: "" }],
    scenario: "slow models",
    within: 20,
    violates: ["taken away", "calls wasted"]
  },
  reservationsCharged: {
    number: "25",
    says: "A reservation that nobody settled is charged.",
    changes: [
      {
        file: "queue-redis/test/simulation/Budget.ts",
        find: "entry.reserved.delete(name)\n      entry.spent++",
        replace: "entry.reserved.delete(name)"
      }
    ],
    scenario: "budgets",
    within: 100,
    violates: ["over the budget"]
  },
  spentFromLog: {
    number: "25",
    says: "A budget that has lost what it knew counts from what the log says was spent.",
    changes: [
      {
        file: "core/src/Execution/Scopes.ts",
        find: "scope === wholeScope ? state.usage : sumOf(state.spent, scope)",
        replace: "scope === wholeScope ? Usage.zero : sumOf(state.spent, scope)"
      }
    ],
    scenario: "budgets",
    within: 200,
    violates: ["over the budget"]
  },
  outboxSameAppend: {
    number: "WAITING 34",
    says: "What follows from an outcome is stored in its append.",
    changes: [
      {
        file: appending,
        find: "if (outbox !== undefined)",
        replace: "if (false as boolean)"
      }
    ],
    scenario: "outbox",
    within: 50,
    violates: ["does not end"]
  },
  outboxSweep: {
    number: "WAITING 34",
    says: "What a dead process has left is done by another.",
    changes: [
      {
        file: "core/src/Worker/Delivering.ts",
        find: "yield* Effect.forkScoped(Effect.forever(Effect.andThen(look, Effect.sleep(leaseMillis / 2))))",
        replace: ""
      }
    ],
    scenario: "outbox",
    within: 50,
    violates: ["does not end"]
  }
} satisfies { readonly [name: string]: Mutation }

export type MutationName = keyof typeof mutations

export const table: { readonly [Name in MutationName]: Mutation } = mutations

export const names = Object.keys(mutations) as ReadonlyArray<MutationName>

const packages = new URL("../../../", import.meta.url)

/** Whether the rule is where its entry says: each text exactly once. */
export const problemOf = (name: MutationName): string | undefined => {
  for (const { file, find } of table[name].changes) {
    const times = read(file).split(find).length - 1
    if (times !== 1) return `${name}: the text stands ${times} times in packages/${file}: ${find}`
  }
  return undefined
}

/** Whether the code without the rule is invalid TypeScript: it would fail for that reason alone. */
export const brokenBy = (name: MutationName): string | undefined => {
  for (const { file, find, replace } of table[name].changes) {
    try {
      stripTypeScriptTypes(read(file).replace(find, () => replace))
    } catch (error) {
      return `${name}: without the text packages/${file} cannot be parsed: ${String(error)}`
    }
  }
  return undefined
}

const read = (file: string): string => readFileSync(new URL(file, packages), "utf8")

/** Makes later imports load modules without the rule. Call it before any of them is loaded. */
export const takeOut = (name: MutationName): void => {
  const problem = problemOf(name)
  if (problem !== undefined) throw new Error(problem)
  const changes = new Map<string, ReadonlyArray<Change>>()
  for (const change of table[name].changes) {
    const url = new URL(change.file, packages).href
    changes.set(url, [...(changes.get(url) ?? []), change])
  }
  registerHooks({
    load: (url, context, nextLoad) => {
      const loaded = nextLoad(url, context)
      const own = changes.get(url)
      if (own === undefined) return loaded
      const source = own.reduce(
        (text, { find, replace }) => text.replace(find, () => replace),
        readFileSync(fileURLToPath(url), "utf8")
      )
      return { ...loaded, source }
    }
  })
}
