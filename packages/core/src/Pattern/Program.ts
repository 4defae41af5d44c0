/**
 * A regular expression as a graph of nodes that a machine walks (Thompson's construction), one
 * graph for the expression and one for each look-around in it.
 */
import { type Assertion, type Node, Refused } from "./Syntax.ts"

export type Step =
  /** Consumes one code point. */
  | { readonly type: "character"; readonly accepts: (codePoint: number) => boolean; readonly next: number }
  | { readonly type: "fork"; readonly next: ReadonlyArray<number> }
  | { readonly type: "assertion"; readonly assertion: Assertion; readonly next: number }
  /** Holds where the look-around of this index does (or does not, when negative). */
  | { readonly type: "look"; readonly index: number; readonly negative: boolean; readonly next: number }
  | { readonly type: "match" }

/** One graph. Walked from `start`, from left to right or from right to left. */
export interface Graph {
  readonly steps: ReadonlyArray<Step>
  readonly start: number
  readonly backwards: boolean
  /** False: nothing in it asks what stands around a position. */
  readonly hasAssertions: boolean
}

export interface Program {
  readonly main: Graph
  /** Each stands after those that are part of it. */
  readonly looks: ReadonlyArray<Graph>
}

/**
 * Steps of all graphs together: a repetition has a copy of its part for each time that it is
 * counted.
 */
export const maxSteps = 5_000
/** They share a number with a code point: see `Machine`. */
export const maxLooks = 16

/** How large the program of an expression is. */
export interface Size {
  readonly steps: number
  /** Distinct character classes, each of which is a regular expression of its own. */
  readonly classes: number
}

/**
 * Counts what `make` would make, in time linear in the source. Throws `Refused` for an expression
 * that is too large.
 */
export const sizeOf = (root: Node): Size => {
  const classes = new Set<string>()
  let looks = 0
  // Of a look-around there is one graph, however often it is repeated.
  let inLooks = 0
  const total = (parts: ReadonlyArray<Node>): number => parts.reduce((sum, part) => sum + steps(part), 1)
  const steps = (node: Node): number => {
    switch (node.type) {
      case "character":
      case "assertion":
        return 1
      case "class":
        classes.add(node.source)
        return 1
      case "sequence":
      case "choice":
        return total(node.parts)
      case "repeat": {
        const times = node.max === Infinity ? node.min + 1 : node.max
        return times === 0 ? 1 : 1 + times * steps(node.part)
      }
      case "look":
        if (++looks > maxLooks) throw new Refused(`has more than ${maxLooks} lookarounds`)
        inLooks += steps(node.part)
        return 1
    }
  }
  const all = steps(root) + inLooks
  if (all > maxSteps) throw new Refused(`is too large: it compiles to more than ${maxSteps} steps`)
  return { steps: all, classes: classes.size }
}

/** The program of an expression whose size is within the limits. */
export const make = (root: Node): Program => {
  const compiler = new Compiler()
  const main = compiler.graph(root, false)
  return { main, looks: compiler.looks }
}

class Compiler {
  readonly looks: Array<Graph> = []
  /** A repeated look-around is the same one each time. */
  readonly #indexes = new Map<Node, number>()
  readonly #classes = new Map<string, (codePoint: number) => boolean>()
  #steps: Array<Step> = []
  #backwards = false
  #hasAssertions = false

  graph(root: Node, backwards: boolean): Graph {
    const outer = { steps: this.#steps, backwards: this.#backwards, hasAssertions: this.#hasAssertions }
    this.#steps = []
    this.#backwards = backwards
    this.#hasAssertions = false
    const start = this.#emit(root, this.#add({ type: "match" }))
    const graph = { steps: this.#steps, start, backwards, hasAssertions: this.#hasAssertions }
    this.#steps = outer.steps
    this.#backwards = outer.backwards
    this.#hasAssertions = outer.hasAssertions
    return graph
  }

  #add(step: Step): number {
    return this.#steps.push(step) - 1
  }

  /** Adds the steps of a node and answers the first of them. */
  #emit(node: Node, next: number): number {
    switch (node.type) {
      case "character": {
        const { codePoint } = node
        return this.#add({ type: "character", accepts: (other) => other === codePoint, next })
      }
      case "class":
        return this.#add({ type: "character", accepts: this.#class(node.source), next })
      case "sequence":
        return this.#backwards
          ? node.parts.reduce((after, part) => this.#emit(part, after), next)
          : node.parts.reduceRight((after, part) => this.#emit(part, after), next)
      case "choice":
        return this.#add({ type: "fork", next: node.parts.map((part) => this.#emit(part, next)) })
      case "repeat":
        return this.#repeat(node.part, node.min, node.max, next)
      case "assertion":
        this.#hasAssertions = true
        return this.#add({ type: "assertion", assertion: node.assertion, next })
      case "look": {
        // Where a look-ahead matches is known from what comes after: it is walked from the end of
        // the text.
        let index = this.#indexes.get(node)
        if (index === undefined) {
          index = this.looks.push(this.graph(node.part, node.ahead)) - 1
          this.#indexes.set(node, index)
        }
        this.#hasAssertions = true
        return this.#add({ type: "look", index, negative: node.negative, next })
      }
    }
  }

  #repeat(part: Node, min: number, max: number, next: number): number {
    let after = next
    if (max === Infinity) {
      const ways: Array<number> = []
      after = this.#add({ type: "fork", next: ways })
      ways.push(this.#emit(part, after), next)
    } else {
      for (let count = max; count > min; count--)
        after = this.#add({ type: "fork", next: [this.#emit(part, after), next] })
    }
    for (let count = min; count > 0; count--) after = this.#emit(part, after)
    return after
  }

  #class(source: string): (codePoint: number) => boolean {
    let accepts = this.#classes.get(source)
    if (accepts === undefined) {
      // One code point at a time: no expression takes long for that.
      const expression = new RegExp(`^${source}$`, "u")
      let last = -1
      let result = false
      accepts = (codePoint) => {
        if (codePoint !== last) {
          last = codePoint
          result = expression.test(String.fromCodePoint(codePoint))
        }
        return result
      }
      this.#classes.set(source, accepts)
    }
    return accepts
  }
}
