/** Kinds of schedules: those of the protocol, with crews that wait. Steps count as milliseconds. */
import { scenarios as protocol, type Scenario as Protocol } from "../protocol/Scenario.ts"
import type * as Crew from "./Crew.ts"

export interface Scenario extends Protocol {
  readonly crew: Crew.Options
  readonly workers: number
  /** Something follows from every output. */
  readonly outbox?: true
  /** Runs without progress after which a task is given up; absent: 3. */
  readonly maxCrashes?: number
  /** It does another execution again. */
  readonly retries?: true
}

const crew: Crew.Options = {
  approvals: 0.25,
  questions: 0.2,
  spawns: 0.25,
  keeps: 0.3,
  signals: 0.1,
  times: 0.05,
  poison: 0.03,
  failures: 0.1,
  reviews: 0.5,
  limited: 0.3,
  patience: 1,
  maxGrowth: 8,
  maxDepth: 2,
  budgets: 0,
  offices: 0,
  managed: 0,
  frames: 0
}

const managed: Crew.Options = { ...crew, failures: 0.2, managed: 0.5, frames: 0.3, maxGrowth: 20 }

type Name = Exclude<
  keyof typeof protocol,
  "two servers" | "failover" | "in process" | "in process, unsure" | "in processes"
>

const make = (name: Name, more: Partial<Scenario> = {}): Scenario => ({
  ...protocol[name],
  chaosSteps: 1_500,
  calmSteps: 20_000,
  people: true,
  crew,
  workers: 3,
  ...more
})

export const scenarios = {
  calm: make("calm", { chaosSteps: 0 }),
  mixed: make("mixed", { kill: 0.01, freeze: 0.02 }),
  /** No data is lost, and no sweep makes up for missing notifications. */
  careful: make("careful", { kill: 0.01, freeze: 0.02 }),
  unswept: make("unswept", { freeze: 0.02 }),
  unsure: make("unsure", { kill: 0.01 }),
  wiped: make("wiped"),
  "rolled back": make("rolled back"),
  pausing: make("pausing", { kill: 0.01 }),
  /** Workers die all the time, and some calls kill their worker. */
  deadly: make("mixed", { kill: 0.06, crew: { ...crew, poison: 0.15 } }),
  /** One worker: who waits must not keep it. */
  "one slot": make("careful", { workers: 1, kill: 0.004, crew: { ...crew, spawns: 0.5, maxDepth: 3, maxGrowth: 14 } }),
  spawning: make("mixed", {
    kill: 0.01,
    crew: {
      ...crew,
      approvals: 0,
      questions: 0.1,
      signals: 0,
      times: 0.2,
      spawns: 0.7,
      keeps: 0.6,
      failures: 0.2,
      reviews: 0,
      limited: 0,
      maxGrowth: 20
    }
  }),
  asking: make("mixed", { kill: 0.02, crew: { ...crew, approvals: 0.5, questions: 0.5, spawns: 0.1 } }),
  reviewing: make("mixed", {
    kill: 0.02,
    crew: { ...crew, approvals: 0.1, questions: 0.1, spawns: 0.1, failures: 0.05, reviews: 1 }
  }),
  /** Deadlines are so long that who is woken by them only is woken too late. */
  patient: make("wiped", { chaosSteps: 600, calmSteps: 60_000, crew: { ...crew, patience: 40, reviews: 0.1 } }),
  /** Everybody spawns, and hardly anything may be. */
  growing: make("calm", { chaosSteps: 0, crew: { ...crew, spawns: 0.8, maxGrowth: 3, poison: 0 } }),
  /** Nearly everybody runs into a limit, and people raise it or do not. */
  budgets: make("mixed", {
    kill: 0.02,
    crew: {
      ...crew,
      approvals: 0.1,
      questions: 0.1,
      spawns: 0.5,
      signals: 0,
      failures: 0.05,
      budgets: 0.6,
      offices: 0.2
    }
  }),
  managed: make("mixed", { kill: 0.02, crew: managed }),
  /** Workers stall and resume all the time: workers that were given up are still active. */
  "given up": make("mixed", {
    kill: 0,
    freeze: 0.1,
    wipe: 0,
    rollback: 0,
    callSteps: 4,
    workers: 3,
    maxCrashes: 1,
    crew: { ...managed, failures: 0.02, spawns: 0.1 }
  }),
  crowded: make("calm", {
    chaosSteps: 0,
    crew: { ...managed, spawns: 0.5, maxGrowth: 3, poison: 0, managed: 1 }
  }),
  spent: make("mixed", { kill: 0.02, crew: { ...managed, spawns: 0.2, budgets: 0.6 } }),
  retrying: make("mixed", { kill: 0.02, retries: true, crew: { ...managed, spawns: 0.5 } }),
  /** The follow-up of outputs is served while workers die. */
  outbox: make("mixed", { kill: 0.04, freeze: 0.03, outbox: true })
} satisfies { readonly [name: string]: Scenario }

export type ScenarioName = keyof typeof scenarios

export const names = Object.keys(scenarios) as ReadonlyArray<ScenarioName>
