/**
 * The rules of waits, each a switch, with the violation that its absence causes. A rule that is off
 * is removed from the parts of the model: the real `decide` receives another state or its result is
 * changed (`Kernel`), and the modelled worker omits a step.
 *
 * `within`: a schedule of the scenario fails within this many seeds, with one of these violations.
 */
import type { ScenarioName } from "./Scenario.ts"
import * as Switches from "../simulation/Switches.ts"
import type { Kind } from "./Violation.ts"

export interface Rule {
  /** The guarantee while it is on. */
  readonly says: string
  readonly scenario: ScenarioName
  readonly within: number
  readonly violates: ReadonlyArray<Kind>
}

const rules = {
  waitFromLog: {
    says: "What a wait came to is read from the log: time alone ends nothing.",
    scenario: "asking",
    within: 20,
    violates: ["result too early"]
  },
  actedOnce: {
    says: "What a wait came to stands for its own calls or candidate, and for no later ones.",
    scenario: "reviewing",
    within: 20,
    violates: ["never asked", "turn without feedback"]
  },
  closesRecorded: {
    says: "An event that ends asks or timers names them.",
    scenario: "asking",
    within: 20,
    violates: ["left open"]
  },
  idsFromAnswer: {
    says: "Ids hold the run that recorded the answer, so that a repeated leg makes the same ones.",
    scenario: "calm",
    within: 20,
    violates: ["asked twice"]
  },
  reviewerInId: {
    says: "The id of a review holds the reviewer.",
    scenario: "reviewing",
    within: 30,
    violates: ["output without review"]
  },
  groupsPerCall: {
    says: "Each call of a turn is a group of its own, with its own need.",
    scenario: "calm",
    within: 20,
    violates: ["woken too early", "cancelled though needed", "closed before its time", "answer ignored"]
  },
  completedCounts: {
    says: "Where n are needed, only completed tasks count.",
    scenario: "spawning",
    within: 60,
    violates: ["woken too early"]
  },
  openToQueue: {
    says: "The queue is told only what is open.",
    scenario: "one slot",
    within: 20,
    violates: ["spins", "does not end"]
  },
  losersCancelled: {
    says: "Whoever is woken cancels the tasks that it needs no more.",
    scenario: "one slot",
    within: 20,
    violates: ["loser left"]
  },
  retryTakesChildren: {
    says: "A retry that keeps no turns ends all that the attempt left.",
    scenario: "spawning",
    within: 60,
    violates: ["orphan", "left open"]
  },
  resultsOnce: {
    says: "Recorded results are never worked out again.",
    scenario: "calm",
    within: 20,
    violates: ["result twice"]
  },
  resultsBeforeTurn: {
    says: "The model is asked again when every call of its last turn has a result.",
    scenario: "calm",
    within: 20,
    violates: ["turn before its results"]
  },
  ownDeadlines: {
    says: "A time limit closes only the asks whose deadline it was.",
    scenario: "asking",
    within: 20,
    violates: ["closed before its time"]
  },
  activeTimeOnly: {
    says: "The time limit of an attempt does not count waiting.",
    scenario: "calm",
    within: 20,
    violates: ["timed out unjustly"]
  },
  timeSurvivesCrash: {
    says: "The time of a run that crashed counts until its last event.",
    scenario: "reviewing",
    within: 60,
    violates: ["over time"]
  },
  noSlotWhileWaiting: {
    says: "Who waits holds no slot.",
    scenario: "one slot",
    within: 20,
    violates: ["does not end", "woken too late"]
  },
  growthCap: {
    says: "An execution grows by so many tasks at most.",
    scenario: "growing",
    within: 20,
    violates: ["grew too far"]
  },
  capAnswered: {
    says: "The calls that wanted more tasks than the execution may have are told so.",
    scenario: "growing",
    within: 20,
    violates: ["given up unjustly"]
  },
  reviewBeforeTerminal: {
    says: "A candidate becomes the output when its reviewers have accepted it.",
    scenario: "reviewing",
    within: 20,
    violates: ["output without review"]
  },
  revisionKeepsTurns: {
    says: "Feedback is a message of the same conversation.",
    scenario: "reviewing",
    within: 20,
    violates: ["feedback lost"]
  },
  feedbackStays: {
    says: "Feedback that no turn has carried goes into the next one, whoever takes it.",
    scenario: "reviewing",
    within: 60,
    violates: ["feedback lost"]
  },
  personHasTheLastWord: {
    says: "A person is never overruled: one revision too many is a failure.",
    scenario: "reviewing",
    within: 60,
    violates: ["output after revise"]
  },
  oneReview: {
    says: "An output that comes back as it was sent back is not reviewed again.",
    scenario: "crowded",
    within: 20,
    violates: ["reviewed twice"]
  },
  stretchBounds: {
    says: "With feedback or advice turns count anew.",
    scenario: "reviewing",
    within: 20,
    violates: ["cut short"]
  },
  recoverBeforeTerminal: {
    says: "The manager is asked before a failure is final.",
    scenario: "managed",
    within: 20,
    violates: ["not recovered"]
  },
  skipsWait: {
    says: "Nothing falls before the manager has decided.",
    scenario: "crowded",
    within: 40,
    violates: ["skipped before its dependency failed"]
  },
  giveUpOwnRun: {
    says: "A task that crashed too often is given up by a run of its own.",
    scenario: "given up",
    within: 100,
    violates: ["written while suspended"]
  },
  recoveriesBounded: {
    says: "The manager recovers one task so many times at most.",
    scenario: "crowded",
    within: 20,
    violates: ["recovered too often"]
  },
  adviceFirst: {
    says: "The agent reads the advice before anything else is done.",
    scenario: "crowded",
    within: 60,
    violates: ["advice late"]
  },
  frameChildRecovers: {
    says: "The work of a task that names no agent is recovered as tasks of the plan are.",
    scenario: "crowded",
    within: 20,
    violates: ["not recovered"]
  },
  replacementReviewed: {
    says: "The output of what replaces a task is reviewed as its own would be.",
    scenario: "managed",
    within: 60,
    violates: ["output without review"]
  },
  officeNotCounted: {
    says: "An execution may grow by so many tasks besides those of the manager.",
    scenario: "crowded",
    within: 30,
    violates: ["given up unjustly"]
  },
  recoverNotExecutionBudget: {
    says: "Nobody is asked what could be done about a failure when there is nothing left to do it with.",
    scenario: "spent",
    within: 30,
    violates: ["asked in vain"]
  },
  failSkipsInChild: {
    says: "The failure of a task that was added does not fail the execution.",
    scenario: "spawning",
    within: 20,
    violates: ["a child failed the execution"]
  },
  retryPlanOnly: {
    says: "An execution that retries another takes over tasks of the plan alone.",
    scenario: "retrying",
    within: 20,
    violates: ["does not end"]
  },
  askStaysOpen: {
    says: "An ask is open also while its task runs between two waits.",
    scenario: "asking",
    within: 20,
    violates: ["answer refused unjustly"]
  },
  answerWhileOpen: {
    says: "An ask is answered while it is open, and not later.",
    scenario: "calm",
    within: 20,
    violates: ["answer while not open", "answered twice"]
  },
  answerHash: {
    says: "An answer is to exactly what was shown.",
    scenario: "asking",
    within: 20,
    violates: ["answer to what was not shown"]
  },
  approvalBinds: {
    says: "An approval is for one call, with its arguments.",
    scenario: "calm",
    within: 20,
    violates: ["not approved"]
  },
  toolStartedAfterApproval: {
    says: "A call that must not be repeated is announced in the log before it begins, also an approved one.",
    scenario: "asking",
    within: 100,
    violates: ["tool called twice"]
  },
  raiseInAnswer: {
    says: "An answer raises its limit itself, in its own append.",
    scenario: "budgets",
    within: 100,
    violates: ["raised twice"]
  },
  sharedBudgetAsk: {
    says: "All who are refused by one limit wait for one ask.",
    scenario: "budgets",
    within: 60,
    violates: ["asked twice"]
  },
  budgetKeepsWait: {
    says: "What a wait came to stands across a wait for a budget.",
    scenario: "budgets",
    within: 100,
    violates: ["reviewed twice"]
  },
  subtreeBudget: {
    says: "The limits of a task bind all that it spawns.",
    scenario: "budgets",
    within: 60,
    violates: ["over budget"]
  },
  officeApart: {
    says: "Tasks of the manager are not charged to the task that they serve.",
    scenario: "budgets",
    within: 60,
    violates: ["office charged to the task"]
  },
  outboxSameAppend: {
    says: "What follows from an outcome is stored in its append.",
    scenario: "outbox",
    within: 20,
    violates: ["outbox lost"]
  },
  outboxIdempotent: {
    says: "What was done is not done again.",
    scenario: "outbox",
    within: 60,
    violates: ["saved twice"]
  },
  outboxSweep: {
    says: "What a dead worker has left is done by another.",
    scenario: "outbox",
    within: 20,
    violates: ["outbox lost"]
  }
} satisfies { readonly [name: string]: Rule }

export type RuleName = keyof typeof rules

export type Rules = Switches.Switches<RuleName>

export const table: { readonly [Name in RuleName]: Rule } = rules

export const { all, names, without } = Switches.of<RuleName>(rules)
