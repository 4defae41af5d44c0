/**
 * Walks a graph along a text in all ways at once, so that no text makes it go back. Sets of steps
 * that were met before, and where a code point leads from them, are remembered.
 */
import type { Graph, Program, Step } from "./Program.ts"

/** Steps that may still be taken. */
export interface Work {
  left: number
}

/** The text is too long for the pattern. */
export class TooMuchWork extends Error {}

/**
 * Steps that one text may take. Counted as if nothing were remembered, so that every process comes
 * to the same answer. At 20 to 60 ns a step this is half a second at most.
 */
export const maxWork = 10_000_000

export interface Machine {
  /** Whether the text holds a match. Throws `TooMuchWork`. */
  readonly test: (text: string, work: Work) => boolean
}

export const make = (program: Program): Machine => {
  const share = maxRemembered / (program.looks.length + 1)
  const looks = program.looks.map((graph) => new Walker(graph, share))
  const main = new Walker(program.main, share)
  return {
    test: (text, work) => {
      const run: Run = { codePoints: codePointsOf(text), looks: [], work }
      for (const look of looks) run.looks.push(look.everywhere(run))
      return main.anywhere(run)
    }
  }
}

interface Run {
  readonly codePoints: Uint32Array
  /** Of each look-around: 1 at the positions where it holds. */
  readonly looks: Array<Uint8Array>
  readonly work: Work
}

const codePointsOf = (text: string): Uint32Array => {
  const codePoints = new Uint32Array(text.length)
  let length = 0
  for (let at = 0; at < text.length; length++) {
    const codePoint = text.codePointAt(at)!
    codePoints[length] = codePoint
    at += codePoint > 0xffff ? 2 : 1
  }
  return codePoints.subarray(0, length)
}

// What stands around a position, as bits; those of the look-arounds follow.
const atStart = 1
const atEnd = 2
const afterWord = 4
const beforeWord = 8
const firstLook = 16

/** Letters, digits and `_` of ASCII are what `\b` takes for a word. */
const isWord = (codePoint: number | undefined): boolean =>
  codePoint !== undefined &&
  ((codePoint >= 97 && codePoint <= 122) ||
    (codePoint >= 65 && codePoint <= 90) ||
    (codePoint >= 48 && codePoint <= 57) ||
    codePoint === 95)

/** Steps that are held at one position, before those that they lead to without a code point. */
interface State {
  readonly steps: ReadonlyArray<number>
  /** By code point and what stands around the position. */
  readonly moves: Map<number, Move>
}

interface Move {
  readonly next: State
  readonly matches: boolean
  readonly work: number
}

/**
 * Moves that one machine remembers, each counted with the steps it leads to: about 100 bytes for
 * each.
 */
const maxRemembered = 5_000

class Walker {
  readonly #graph: Graph
  readonly #maxRemembered: number
  /** By a hash of their steps. */
  readonly #states = new Map<number, Array<State>>()
  /**
   * By step: the move in which it was met last, and the one in which it was added to the next
   * state.
   */
  readonly #met: Float64Array
  readonly #added: Float64Array
  #moves = 0
  #remembered = 0

  constructor(graph: Graph, maxRemembered: number) {
    this.#graph = graph
    this.#maxRemembered = maxRemembered
    this.#met = new Float64Array(graph.steps.length)
    this.#added = new Float64Array(graph.steps.length)
  }

  anywhere(run: Run): boolean {
    let found = false
    this.#walk(run, () => (found = true))
    return found
  }

  everywhere(run: Run): Uint8Array {
    const holds = new Uint8Array(run.codePoints.length + 1)
    this.#walk(run, (position) => {
      holds[position] = 1
      return false
    })
    return holds
  }

  /**
   * Calls for each position where a match ends (or begins, when walked backwards), until told to
   * stop.
   */
  #walk(run: Run, onMatch: (position: number) => boolean): void {
    const { codePoints } = run
    const { backwards } = this.#graph
    const end = codePoints.length
    let state = this.#state([this.#graph.start])
    for (let taken = 0; taken <= end; taken++) {
      const position = backwards ? end - taken : taken
      const codePoint = taken === end ? noCodePoint : codePoints[backwards ? position - 1 : position]!
      const around = this.#graph.hasAssertions ? aroundOf(run, position) : 0
      const key = codePoint * 2 ** 20 + around
      let move = state.moves.get(key)
      if (move === undefined) {
        if (this.#remembered > this.#maxRemembered) this.#forget()
        move = this.#move(state, codePoint, around)
        this.#remembered += 1 + move.next.steps.length
        state.moves.set(key, move)
      }
      run.work.left -= move.work
      if (move.matches && onMatch(position)) return
      if (run.work.left < 0) throw new TooMuchWork()
      state = move.next
    }
  }

  #move(state: State, codePoint: number, around: number): Move {
    const { start, steps } = this.#graph
    const moves = ++this.#moves
    const pending = [...state.steps]
    // A match may begin anywhere.
    const next = [start]
    this.#added[start] = moves
    let matches = false
    let work = 1
    while (pending.length > 0) {
      const index = pending.pop()!
      if (this.#met[index] === moves) continue
      this.#met[index] = moves
      work++
      const step = steps[index]!
      if (step.type === "match") matches = true
      else if (step.type === "fork") for (const one of step.next) pending.push(one)
      else if (step.type === "character") {
        if (codePoint === noCodePoint || this.#added[step.next] === moves || !step.accepts(codePoint)) continue
        this.#added[step.next] = moves
        next.push(step.next)
      } else if (holds(step, around)) pending.push(step.next)
    }
    return { next: this.#state(next), matches, work }
  }

  #state(steps: ReadonlyArray<number>): State {
    let hash = 0
    for (const step of steps) hash = (Math.imul(hash, 31) + step) | 0
    const alike = this.#states.get(hash)
    const known = alike?.find((state) => isSame(state.steps, steps))
    if (known !== undefined) return known
    const state = { steps, moves: new Map<number, Move>() }
    if (alike === undefined) this.#states.set(hash, [state])
    else alike.push(state)
    return state
  }

  #forget(): void {
    // The state that the walk stands on stays with it, and forgets like the others.
    for (const alike of this.#states.values()) for (const state of alike) state.moves.clear()
    this.#states.clear()
    this.#remembered = 0
  }
}

const isSame = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): boolean =>
  a.length === b.length && a.every((step, index) => step === b[index])

/** One more than the last code point: none is consumed at the end. */
const noCodePoint = 0x110000

const aroundOf = ({ codePoints, looks }: Run, position: number): number => {
  let around = position === 0 ? atStart : 0
  if (position === codePoints.length) around |= atEnd
  if (isWord(codePoints[position - 1])) around |= afterWord
  if (isWord(codePoints[position])) around |= beforeWord
  for (let index = 0; index < looks.length; index++) if (looks[index]![position] === 1) around |= firstLook << index
  return around
}

const holds = (step: Extract<Step, { readonly type: "assertion" | "look" }>, around: number): boolean => {
  if (step.type === "look") return ((around & (firstLook << step.index)) !== 0) !== step.negative
  switch (step.assertion) {
    case "start":
      return (around & atStart) !== 0
    case "end":
      return (around & atEnd) !== 0
    case "boundary":
      return ((around & afterWord) !== 0) !== ((around & beforeWord) !== 0)
    case "no boundary":
      return ((around & afterWord) !== 0) === ((around & beforeWord) !== 0)
  }
}
