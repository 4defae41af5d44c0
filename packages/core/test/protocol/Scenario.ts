/**
 * Kinds of schedules: which faults they have, and how often. Probabilities are per step of the
 * schedule unless stated otherwise.
 */
import type * as Script from "../simulation/Script.ts"

export interface Scenario {
  /** Steps in which faults occur; after them there are no faults, and the execution must end. */
  readonly chaosSteps: number
  readonly calmSteps: number
  readonly servers: 1 | 2
  /**
   * The queue of each server: the modelled one, whose leases expire, or the real one of a process.
   */
  readonly queue: "modelled" | "local"
  /** The log: the modelled one, or the real one of a process. */
  readonly log: "modelled" | "local"
  /** Steps that a model takes to answer. */
  readonly callSteps: number
  /** SIGKILL of a worker, a sweeper, a person's server. */
  readonly kill: number
  /** SIGSTOP or SIGCONT of a worker or a sweeper. */
  readonly freeze: number
  /** A whole server is killed, with its queue. */
  readonly serverKill: number
  /** SIGSTOP or SIGCONT of a whole server. */
  readonly serverFreeze: number
  /** A worker is asked to stop, and hands back what it runs. */
  readonly drain: number
  /** The queue loses all its data. */
  readonly wipe: number
  /** The queue goes back to an older state. */
  readonly rollback: number
  /** Of appends: committed, but the client receives a failure. */
  readonly lostReply: number
  /** Of appends: the client gives up waiting; the append may be committed later all the same. */
  readonly clientTimeout: number
  /** Of appends: the database rolls back and reports it. */
  readonly databaseRollback: number
  /** How often an append is sent when it may not have been stored. */
  readonly tries: number
  /** Of hints to followers: dropped. */
  readonly hintDropped: number
  /** Of followers: cut, to come back with their cursor. */
  readonly cut: number
  /** Whether people answer. */
  readonly people: boolean
  /** Whether the sweep checks executions that it knows the queue to hold. */
  readonly sweepsQuiet: boolean
  /** False: there is no sweep for abandoned work. */
  readonly sweeps: boolean
  /** Of schedules: the execution is cancelled at some time. */
  readonly cancel: number
  /** An execution is paused or resumed. */
  readonly pause: number
  readonly scripts: Script.Options
  /** No model call is made twice: no fault would justify it. */
  readonly asksOnce: boolean
}

/** Steps of the schedule count as milliseconds. */
const scripts: Script.Options = {
  failures: true,
  poison: false,
  waits: false,
  tasks: { from: 2, below: 3 },
  times: {
    retry: { initialMillis: 20, maxMillis: 60 },
    ask: { from: 40, below: 120 },
    shortAsk: { from: 30, below: 60 },
    sleep: { from: 20, below: 60 }
  }
}

const calm: Scenario = {
  chaosSteps: 0,
  calmSteps: 8_000,
  servers: 1,
  queue: "modelled",
  log: "modelled",
  callSteps: 2,
  kill: 0,
  freeze: 0,
  serverKill: 0,
  serverFreeze: 0,
  drain: 0,
  wipe: 0,
  rollback: 0,
  lostReply: 0,
  clientTimeout: 0,
  databaseRollback: 0,
  tries: Number.POSITIVE_INFINITY,
  hintDropped: 0,
  cut: 0,
  people: true,
  sweepsQuiet: false,
  sweeps: true,
  cancel: 0,
  pause: 0,
  scripts,
  asksOnce: true
}

const mixed: Scenario = {
  ...calm,
  chaosSteps: 600,
  kill: 0.02,
  freeze: 0.03,
  drain: 0.01,
  wipe: 0.005,
  rollback: 0.005,
  lostReply: 0.04,
  clientTimeout: 0.04,
  databaseRollback: 0.04,
  tries: 3,
  hintDropped: 0.1,
  cut: 0.01,
  sweepsQuiet: true,
  cancel: 0.3,
  pause: 0.01,
  asksOnce: false
}

/** No data is lost, so no sweep of the queue's contents is needed: it would hide a lost wake-up. */
const careful: Scenario = {
  ...mixed,
  wipe: 0,
  rollback: 0,
  tries: Number.POSITIVE_INFINITY,
  sweepsQuiet: false,
  cancel: 0
}

const unsure: Scenario = { ...mixed, tries: 1, lostReply: 0.2, cancel: 0 }

/**
 * Faults that cannot happen within a process: a worker that dies alone, or a queue that loses data.
 */
const atOnce = { kill: 0, freeze: 0, wipe: 0, rollback: 0 }

export const scenarios = {
  calm,
  mixed,
  careful,
  /**
   * No sweep at all, because it would hide missing notifications: no worker dies, and everything
   * lost is sent again.
   */
  unswept: { ...careful, kill: 0, sweeps: false },
  /** Waits that time out, while everything else happens too. */
  waiting: { ...mixed, scripts: { ...scripts, failures: false, waits: true } },
  /** Appends are sent once, and their outcome is often unknown. */
  unsure,
  /** All asks stay unanswered; in the end the execution is cancelled. */
  unanswered: { ...mixed, people: false, cancel: 1 },
  /** Paused and resumed all the time, without a sweep that would correct the queue. */
  pausing: { ...careful, pause: 0.05 },
  /**
   * The queue loses everything now and then, and only the sweep of what it lacks brings it back.
   */
  wiped: { ...calm, chaosSteps: 600, wipe: 0.02, asksOnce: false, scripts: { ...scripts, failures: false } },
  /** The queue goes back to older states all the time. */
  "rolled back": { ...calm, chaosSteps: 1_000, rollback: 0.1, sweepsQuiet: true, asksOnce: false },
  /** Some tasks kill their worker. */
  poisoned: { ...mixed, scripts: { ...scripts, poison: true } },
  /** Two processes, each with its own queue, on one log, and slow models. */
  "two servers": { ...calm, servers: 2, callSteps: 20, calmSteps: 20_000 },
  /** Two such processes, which die and stall. */
  failover: {
    ...mixed,
    servers: 2,
    wipe: 0,
    rollback: 0,
    serverKill: 0.003,
    serverFreeze: 0.01,
    chaosSteps: 1_500,
    calmSteps: 20_000
  },
  /** One process, as it comes: its own log, its own queue. */
  "in process": { ...calm, queue: "local", log: "local" },
  /** The same on a log that fails now and then, where the outcome of an append is often unknown. */
  "in process, unsure": {
    ...unsure,
    ...atOnce,
    queue: "local",
    log: "local"
  },
  /** Processes with real queues, which die and stall. */
  "in processes": {
    ...mixed,
    ...atOnce,
    queue: "local",
    servers: 2,
    serverKill: 0.003,
    serverFreeze: 0.01,
    chaosSteps: 1_500,
    calmSteps: 20_000
  }
} satisfies { readonly [name: string]: Scenario }

export type ScenarioName = keyof typeof scenarios
