/** Kinds of simulations: which faults they have, and how often. */
import { noFaults, type Faults } from "./Network.ts"
import type * as Script from "../../../core/test/simulation/Script.ts"

export interface Scenario {
  /** A separate queue for each process, as in production without Redis; or one that all share. */
  readonly queue: "local" | "shared"
  readonly servers: number
  readonly executions: number
  /**
   * For how long faults occur, in milliseconds. After that there are none, and every execution must
   * end within `calmMillis`.
   */
  readonly chaosMillis: number
  readonly calmMillis: number
  /** Events of chaos a minute: SIGKILL, SIGSTOP, SIGTERM of a process. */
  readonly kills: number
  readonly freezes: number
  readonly drains: number
  /** Of calls of the database: the process stalls at the call, for longer than its leases last. */
  readonly freezeOnCall: number
  /**
   * Of calls of the database: the process dies just then, before it is sent or before the reply is
   * read.
   */
  readonly killOnCall: number
  /** How many tasks all processes may work on at once; absent: any. */
  readonly lane?: number
  /** The queue is emptied, or goes back to an older state: a minute. */
  readonly wipes: number
  readonly rollbacks: number
  readonly database: Faults
  /** Of reads from the database; default as `database`. */
  readonly reads?: Faults
  /** Of calls of Redis. */
  readonly network: Faults
  /** Of messages that announce ready tasks: lost. */
  readonly messageLost: number
  /** False: there is no sweep for abandoned work. */
  readonly sweeps: boolean
  /** Of executions: cancelled at some time. */
  readonly cancel: number
  /** Pauses a minute. */
  readonly pauses: number
  /** Whether people answer. */
  readonly people: boolean
  readonly callMillis: number
  readonly skewMillis: number
  readonly scripts: Script.Options
  /** Every output has a follow-up. */
  readonly outbox?: true
  /** No fault would justify making a model call twice. */
  readonly asksOnce: boolean
}

const scripts: Script.Options = {
  failures: true,
  poison: false,
  waits: false,
  tasks: { from: 1, below: 4 },
  times: {
    retry: { initialMillis: 2_000, maxMillis: 6_000 },
    ask: { from: 3_000, below: 20_000 },
    shortAsk: { from: 2_000, below: 8_000 },
    sleep: { from: 1_000, below: 6_000 }
  }
}

const calm: Scenario = {
  queue: "local",
  servers: 1,
  executions: 1,
  chaosMillis: 0,
  calmMillis: 3_600_000,
  kills: 0,
  freezes: 0,
  drains: 0,
  freezeOnCall: 0,
  killOnCall: 0,
  wipes: 0,
  rollbacks: 0,
  database: noFaults,
  network: noFaults,
  messageLost: 0,
  sweeps: true,
  cancel: 0,
  pauses: 0,
  people: true,
  callMillis: 3_000,
  skewMillis: 0,
  scripts,
  asksOnce: true
}

const badDatabase: Faults = { lostRequest: 0.04, lostReply: 0.04, late: 0.02, twice: 0.05, slow: 0.1 }

const failover: Scenario = {
  ...calm,
  servers: 3,
  executions: 2,
  chaosMillis: 120_000,
  kills: 2,
  freezes: 2,
  drains: 1,
  database: badDatabase,
  cancel: 0.2,
  pauses: 1,
  asksOnce: false
}

const slowNetwork: Faults = { ...noFaults, twice: 0.1, slow: 0.2 }

const unswept: Scenario = {
  ...calm,
  executions: 2,
  sweeps: false,
  pauses: 2,
  chaosMillis: 60_000,
  database: { ...badDatabase, lostRequest: 0.01, late: 0 },
  reads: slowNetwork,
  asksOnce: false
}

const shared: Scenario = {
  ...failover,
  queue: "shared",
  wipes: 0.5,
  messageLost: 0.1,
  network: { lostRequest: 0.03, lostReply: 0.03, late: 0.01, twice: 0.05, slow: 0.1 }
}

export const scenarios = {
  /** One process, as it comes. */
  calm,
  /** Two processes with separate queues on one log, and slow models: every call is made once. */
  "two servers": { ...calm, servers: 2, executions: 3, callMillis: 60_000 },
  /** Such processes die, stall and are stopped, on a database whose replies are lost. */
  failover,
  /**
   * The follow-up of outputs is done by processes that die and stall, over a network whose replies
   * are lost.
   */
  outbox: { ...failover, executions: 3, kills: 8, network: badDatabase, outbox: true },
  /** Waits that time out, while everything else happens too. */
  waiting: { ...failover, scripts: { ...scripts, failures: false, waits: true } },
  /** Some tasks kill the process that runs them. */
  poisoned: { ...failover, kills: 0, scripts: { ...scripts, poison: true } },
  /** No sweep for abandoned work: no wake-up may be lost. */
  unswept,
  /** Processes that share a queue; they die, stall and are stopped, and the queue is emptied. */
  shared,
  /** The queue goes back to older states all the time. */
  "rolled back": { ...shared, wipes: 0, rollbacks: 2 },
  "shared, waiting": { ...shared, rollbacks: 0.5, scripts: { ...scripts, failures: false, waits: true } },
  /** Paused and resumed all the time, without a sweep that checks the queue. */
  pausing: { ...unswept, queue: "shared", servers: 3, network: slowNetwork, pauses: 20 },
  /** The queue loses everything now and then, and is told only once what it lacks. */
  "wiped, told once": { ...unswept, sweeps: true, queue: "shared", servers: 3, network: slowNetwork, wipes: 6 },
  /** Processes die all the time. */
  deadly: { ...shared, chaosMillis: 300_000, kills: 12, freezes: 0, wipes: 0, callMillis: 15_000 },
  /** Models that take longer than a lease lasts. */
  "slow models": { ...calm, queue: "shared", servers: 3, callMillis: 60_000 },
  /**
   * Processes stall before a start, a turn, a suspension or an outcome, while others take over
   * their work.
   */
  frozen: { ...shared, kills: 0, freezes: 0, drains: 0, wipes: 0, freezeOnCall: 0.02, network: slowNetwork },
  /** The same, and the queue is emptied. */
  "frozen, wiped": { ...shared, freezeOnCall: 0.02, wipes: 1 },
  "frozen alone": { ...failover, kills: 0, freezes: 0, freezeOnCall: 0.02 },
  /** Clocks that are wrong by up to five minutes: the behaviour is the same. */
  skewed: { ...shared, wipes: 1, skewMillis: 300_000, scripts: { ...scripts, failures: false, waits: true } },
  "skewed alone": { ...failover, skewMillis: 300_000, scripts: { ...scripts, failures: false, waits: true } },
  /**
   * Processes die at every boundary: between an answer and its append, around a tool, before and
   * after every commit.
   */
  "killed on call": { ...shared, kills: 0, freezes: 0, wipes: 0, killOnCall: 0.02 },
  "killed on call, alone": { ...failover, kills: 0, freezes: 0, killOnCall: 0.02 },
  /** Eight processes that die share four permits. */
  lanes: { ...shared, servers: 8, executions: 4, kills: 10, wipes: 0, lane: 4 },
  /** Spending is limited; processes die in the middle of calls, and reservations may be lost. */
  budgets: { ...shared, kills: 4, wipes: 1, scripts: { ...scripts, requests: 4 } },
  /** Limits up the tree, each with an ask when it is reached, while processes die and stall. */
  "subtree budgets": { ...shared, kills: 6, wipes: 0, scripts: { ...scripts, budgets: true } },
  "subtree budgets, alone": { ...failover, kills: 6, scripts: { ...scripts, budgets: true } },
  /** The same without loss in the queue, and without a sweep for abandoned work. */
  "shared, unswept": { ...unswept, queue: "shared", servers: 3, network: slowNetwork }
} satisfies { readonly [name: string]: Scenario }

export type ScenarioName = keyof typeof scenarios
