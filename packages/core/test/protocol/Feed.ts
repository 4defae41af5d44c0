/**
 * The feed of a tenant, modelled beside the execution, with separate randomness: transactions
 * append to a few executions, some are held open and some rolled back, and a reader that is
 * disconnected now and then must see each event once, in order within an execution.
 */
import * as Random from "../simulation/Random.ts"
import { Violation } from "../simulation/Witness.ts"
import type { Rules } from "./Rules.ts"
import type { Act } from "./World.ts"

interface Row {
  readonly place: number
  readonly execution: number
  readonly seq: number
}

interface Place {
  readonly place: number
  readonly execution: number
  readonly seq: number
}

interface Execution {
  held: boolean
  seq: number
  place: number
}

/** Appends of a schedule. */
const maxAppends = 30
const pageSize = 3

const compare = (left: Place, right: Place) =>
  left.place - right.place || left.execution - right.execution || left.seq - right.seq

export class Feed {
  private readonly rules: Rules
  private readonly random: Random.Random
  private readonly executions: ReadonlyArray<Execution> = Array.from({ length: 3 }, () => ({
    held: false,
    seq: 0,
    place: 0
  }))
  /** The committed events. */
  private readonly rows: Array<Row> = []
  /**
   * How far places were given, and how far they had been when each transaction that is open said
   * so.
   */
  private given = 0
  private readonly open = new Map<number, number>()
  private appends = 0
  private writers: Array<Act> = []
  private reader: Act
  private cursor: Place = { place: 0, execution: 0, seq: 0 }
  private readonly seen = new Map<number, number>()

  constructor(seed: number, rules: Rules) {
    this.rules = rules
    this.random = Random.make(Random.seedOf(seed, "feed"))
    this.reader = this.read()
  }

  /** One thing happens. */
  step(): void {
    const { random } = this
    if (this.appends < maxAppends && random.chance(0.05)) this.writers.push(this.append(++this.appends))
    if (random.chance(0.02)) this.reader = this.read()
    if (random.chance(0.3)) this.reader.next()
    else if (this.writers.length > 0) this.advance(random.below(this.writers.length))
  }

  /** All writers finish, and the reader sees every event. */
  finish(): void {
    while (this.writers.length > 0) this.advance(this.random.below(this.writers.length))
    for (let steps = 0; steps < 8 * maxAppends; steps++) this.reader.next()
    for (const [execution, { seq }] of this.executions.entries()) {
      const seen = this.seen.get(execution) ?? 0
      if (seen !== seq) throw new Violation("follower", `the feed ended after ${execution}:${seen} of ${seq}`)
    }
  }

  private advance(index: number): void {
    if (this.writers[index]!.next().done === true) this.writers.splice(index, 1)
  }

  private *append(transaction: number): Act {
    const { rules, random } = this
    // Its process may stall between the two.
    const stall = random.below(30)
    if (rules.placeLast) {
      this.open.set(transaction, this.given)
      for (let steps = stall; steps > 0; steps--) yield
    }
    const own = ++this.given
    if (!rules.placeLast) {
      for (let steps = stall; steps > 0; steps--) yield
      this.open.set(transaction, own - 1)
    }
    const at = random.below(this.executions.length)
    const execution = this.executions[at]!
    while (execution.held) yield
    execution.held = true
    const place = rules.placeGrows ? Math.max(execution.place, own) : own
    for (let steps = random.chance(0.3) ? random.below(60) : 1; steps > 0; steps--) yield
    if (!random.chance(0.1)) {
      execution.place = place
      for (let events = 1 + random.below(3); events > 0; events--)
        this.rows.push({ place, execution: at, seq: ++execution.seq })
    }
    execution.held = false
    this.open.delete(transaction)
  }

  private *read(): Act {
    const { rules } = this
    for (;;) {
      const early = rules.askedFirst ? undefined : [...this.rows]
      if (early !== undefined) yield
      const { given } = this
      yield
      const complete = rules.feedWaits ? Math.min(given, ...this.open.values()) : given
      yield
      const page = (early ?? this.rows)
        .filter((row) => row.place <= complete && compare(row, this.cursor) > 0)
        .sort(compare)
        .slice(0, pageSize)
      for (const row of page) this.see(row)
    }
  }

  private see(row: Row): void {
    const before = this.seen.get(row.execution) ?? 0
    if (row.seq !== before + 1)
      throw new Violation("follower", `the feed gave ${row.execution}:${row.seq} after ${row.execution}:${before}`)
    this.seen.set(row.execution, row.seq)
    this.cursor = row
  }
}
