/**
 * The rules of the protocol for the log, the queue and followers, each a switch, with the violation
 * that its absence causes.
 *
 * `given` are other rules that are already off: such a rule is a second line of defence, visible
 * only without the first; the violations that their absence causes must differ from its own.
 */
import type { ScenarioName } from "./Scenario.ts"
import * as Switches from "../simulation/Switches.ts"
import type { Kind } from "../simulation/Witness.ts"

export interface Rule {
  /** Its number in the protocol. */
  readonly number: string
  /** The guarantee while it is on. */
  readonly says: string
  /** The schedules in which its absence shows. */
  readonly scenario: ScenarioName
  /** A schedule fails within this many seeds. */
  readonly within: number
  /** The violation must be one of these; absent: any. */
  readonly violates?: ReadonlyArray<Kind>
  readonly given?: ReadonlyArray<string>
}

const rules = {
  commitOrder: {
    number: "1",
    says: "An event gets its number when it is committed, not before.",
    scenario: "mixed",
    within: 20,
    violates: ["follower"]
  },
  endGuard: {
    number: "2",
    says: "After the end the log refuses everything.",
    scenario: "mixed",
    within: 200,
    violates: ["after the end"]
  },
  expectVersion: {
    number: "2, 3",
    says: "A decision is appended only on the version that it was taken on.",
    scenario: "mixed",
    within: 20
  },
  oneAppend: {
    number: "3",
    says: "An outcome and all that it causes are one append.",
    scenario: "mixed",
    within: 50,
    violates: ["does not end", "open tasks at the end", "a child outlives its parent"]
  },
  turnOnce: {
    number: "4",
    says: "A turn is unique by task, run and number.",
    scenario: "unsure",
    within: 100,
    violates: ["recorded twice"]
  },
  nonce: {
    number: "4",
    says: "An append that is sent again has the nonce of the first, and is stored once.",
    scenario: "mixed",
    within: 100,
    violates: ["recorded twice"]
  },
  runFence: {
    number: "5",
    says: "Events of another run than the current one are ignored.",
    scenario: "mixed",
    within: 20
  },
  terminalOnce: {
    number: "5",
    says: "The log takes one terminal event per task.",
    scenario: "mixed",
    within: 150,
    given: ["expectVersion"],
    violates: ["two terminal events"]
  },
  reread: {
    number: "6",
    says: "After its start is in the log a worker reads its own task again.",
    scenario: "mixed",
    within: 50,
    violates: ["not linear", "asked again"]
  },
  settledStays: {
    number: "7",
    says: "A settled task never reopens.",
    scenario: "mixed",
    within: 100,
    violates: ["start of a settled task"]
  },
  durableFirst: {
    number: "8",
    says: "A model's answer is in the log before its tools run.",
    scenario: "mixed",
    within: 20,
    violates: ["tool before its turn"]
  },
  toolStarted: {
    number: "8",
    says: "A call that must not be repeated is announced in the log first.",
    scenario: "mixed",
    within: 150,
    violates: ["tool called twice"]
  },
  crashesInARow: {
    number: "10",
    says: "Only runs in a row that recorded nothing count as crashes.",
    scenario: "mixed",
    within: 100,
    violates: ["given up unjustly"]
  },
  releaseRecorded: {
    number: "10",
    says: "A worker that stops hands its task back in the log, so that this is no crash.",
    scenario: "mixed",
    within: 50,
    violates: ["given up unjustly"]
  },
  crashLimit: {
    number: "10, 12",
    says: "After so many crashes the task is given up.",
    scenario: "poisoned",
    within: 20,
    violates: ["does not end"]
  },
  wokeRecorded: {
    number: "11",
    says: "What ended a wait is read from the log, not from how things stand now.",
    scenario: "waiting",
    within: 50,
    violates: ["waited twice"]
  },
  timerFence: {
    number: "11",
    says: "A timer that ran out ends only the wait that it was set for.",
    scenario: "waiting",
    within: 150,
    violates: ["woken too early"]
  },
  foldOnTake: {
    number: "13",
    says: "Whoever takes a task looks in the log first, and tells the queue what it lacks.",
    scenario: "mixed",
    within: 50
  },
  leaseAfterFold: {
    number: "13",
    says: "The lease is looked at once more after the log, and a start that another made since loses the race.",
    scenario: "careful",
    within: 300,
    violates: ["taken away"]
  },
  seenRun: {
    number: "13",
    says: "A start that another worker made since the log was read wins.",
    scenario: "careful",
    within: 200,
    violates: ["taken away"]
  },
  backoffOnTake: {
    number: "13",
    says: "A task that is taken before its next attempt is due is handed back.",
    scenario: "mixed",
    within: 700,
    violates: ["start before its backoff"]
  },
  pauseStopsStarts: {
    number: "13, 27",
    says: "Nothing starts while the log says paused, whatever the queue hands out.",
    scenario: "mixed",
    within: 50,
    violates: ["start while paused"]
  },
  dependencyCheck: {
    number: "13",
    says: "Nothing starts before its dependencies are settled in the log, whatever the queue hands out.",
    scenario: "mixed",
    within: 50,
    given: ["logFirst"],
    violates: ["start before its dependencies"]
  },
  oneSuspension: {
    number: "14",
    says: "Growing, suspending and giving the task back are one step of the queue.",
    scenario: "careful",
    within: 100,
    violates: ["does not end"]
  },
  levelTriggered: {
    number: "14",
    says: "What a suspended task waits for is tested at once: it may have come already.",
    scenario: "unswept",
    within: 100,
    violates: ["does not end"]
  },
  parentTakesChildren: {
    number: "15",
    says: "Whoever ends takes the open tasks that it spawned with it, in the same append.",
    scenario: "mixed",
    within: 50,
    violates: ["a child outlives its parent", "open tasks at the end"]
  },
  firstAnswer: {
    number: "16",
    says: "The first answer of a signal wins.",
    scenario: "mixed",
    within: 20,
    violates: ["answered twice"]
  },
  logFirst: {
    number: "16",
    says: "The queue is told what the log has recorded, never before.",
    scenario: "unswept",
    within: 50,
    violates: ["does not end"]
  },
  submitIfAbsent: {
    number: "17",
    says: "An execution that the queue knows is not submitted over it.",
    scenario: "wiped",
    within: 50,
    violates: ["taken away"]
  },
  readAfterSubmit: {
    number: "17",
    says: "After a submission the log is read again and the queue told what came since.",
    scenario: "wiped",
    within: 3_000,
    violates: ["does not end"]
  },
  sweepAbsent: {
    number: "18",
    says: "The sweep submits what the queue lacks.",
    scenario: "mixed",
    within: 20,
    violates: ["does not end"]
  },
  sweepQuiet: {
    number: "18",
    says: "The sweep tells the queue the facts of an execution in which nothing happens.",
    scenario: "mixed",
    within: 150,
    violates: ["does not end"]
  },
  toldInQueue: {
    number: "18",
    says: "How far the queue was told all it keeps itself, with its data: who goes back to an older state says so.",
    scenario: "rolled back",
    within: 500,
    violates: ["does not end"]
  },
  pauseOrder: {
    number: "18, 27",
    says: "Of what the queue is told about a pause, the newest counts, whatever comes last.",
    scenario: "pausing",
    within: 400,
    violates: ["does not end"]
  },
  sweepForgets: {
    number: "18",
    says: "The sweep makes the queue forget what the log has ended.",
    scenario: "unanswered",
    within: 700,
    violates: ["kept after the end"]
  },
  unknownIsNothing: {
    number: "19",
    says: "Told about an execution that it does not know, the queue writes nothing.",
    scenario: "wiped",
    within: 100,
    violates: ["does not end"]
  },
  ownerLease: {
    number: "21",
    says: "Of two local queues on one log only the owner of an execution runs it.",
    scenario: "two servers",
    within: 20,
    violates: ["taken away", "calls wasted"]
  },
  subscribeFirst: {
    number: "22",
    says: "A follower subscribes before it reads, so that nothing falls between.",
    scenario: "calm",
    within: 20,
    violates: ["follower"],
    given: ["followerPolls"]
  },
  followerPolls: {
    number: "22",
    says: "A follower looks again after a while, though no hint came.",
    scenario: "mixed",
    within: 20,
    violates: ["follower"]
  },
  feedWaits: {
    number: "feed",
    says: "A feed is given up to where no append that is open can still come: one in a transaction that is held open delays it.",
    scenario: "calm",
    within: 20,
    violates: ["follower"]
  },
  placeLast: {
    number: "feed",
    says: "An append takes its place in the feed after it has said, for as long as it is open, how far places were given.",
    scenario: "calm",
    within: 100,
    violates: ["follower"]
  },
  placeGrows: {
    number: "feed",
    says: "An append comes in the feed no earlier than those before it in its execution.",
    scenario: "calm",
    within: 50,
    violates: ["follower"]
  },
  askedFirst: {
    number: "feed",
    says: "How far a feed is complete is asked before its events are looked at.",
    scenario: "calm",
    within: 50,
    violates: ["follower"]
  }
} satisfies { readonly [name: string]: Rule }

export type RuleName = keyof typeof rules

export type Rules = Switches.Switches<RuleName>

/** All rules by name, in the order of the protocol. */
export const table: { readonly [Name in RuleName]: Rule } = rules

export const { all, names, without } = Switches.of<RuleName>(rules)
