/**
 * A regular expression as a graph of nodes that a machine walks (Thompson's construction), one graph for the expression and one
 * for each look-around in it.
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

/** Steps of all graphs together: a repetition has a copy of its part for each time that it is counted. */
export const maxSteps = 5_000
/** They share a number with a code point: see `Machine`. */
export const maxLooks = 16

/** Throws `Refused` for an expression that is too large. */
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
  #emitted = 0

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
    // Counted here and not by the steps: an empty part may be repeated a thousand times a thousand times.
    if (++this.#emitted > maxSteps) throw new Refused(`is too large: it comes to more than ${maxSteps} steps`)
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
        // Where a look-ahead matches is known from what comes after: it is walked from the end of the text.
        let index = this.#indexes.get(node)
        if (index === undefined) {
          const graph = this.graph(node.part, node.ahead)
          index = this.looks.push(graph) - 1
          if (index === maxLooks) throw new Refused(`has more than ${maxLooks} look-arounds`)
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
