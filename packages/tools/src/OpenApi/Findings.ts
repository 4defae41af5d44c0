/** What is wrong with a document, each with its path in it, and local references resolved. */
import * as Predicate from "effect/Predicate"

export type Path = ReadonlyArray<string | number>

/** One thing that is wrong with a document. */
export interface Problem {
  /** From the root of the document. */
  readonly path: Path
  readonly code: string
  /** What is wrong and what to do, as sentences. */
  readonly message: string
}

type Found = { readonly [key: string]: unknown }

/** An object of the document, and where it is. */
export interface Located {
  readonly value: Found
  readonly path: Path
}

/** More problems are not listed. */
const maxProblems = 100
/** References that lead from one to the next; each place that refers to them follows them all. */
const maxReferences = 20

export class Findings {
  readonly problems: Array<Problem> = []
  readonly #root: Found

  constructor(root: Found) {
    this.#root = root
  }

  /** More problems would not be listed. */
  get isFull(): boolean {
    return this.problems.length >= maxProblems
  }

  add(code: string, path: Path, message: string): undefined {
    if (this.problems.length < maxProblems) this.problems.push({ code, path, message })
    return undefined
  }

  /** The object that a value is or refers to; `undefined`: there is none, which is a problem. */
  object(value: unknown, path: Path, expected: string): Located | undefined {
    const seen = new Set<string>()
    let found = value
    let at = path
    for (;;) {
      if (!Predicate.isReadonlyObject(found)) return this.add("invalid-value", at, `Expected ${expected}.`)
      const reference: unknown = found["$ref"]
      if (typeof reference !== "string") return { value: found, path: at }
      if (seen.has(reference))
        return this.add("circular-reference", path, `The reference ${quote(reference)} leads to itself.`)
      if (seen.size === maxReferences)
        return this.add(
          "too-large",
          path,
          `The reference leads through more than ${maxReferences} others: refer directly.`
        )
      seen.add(reference)
      if (!reference.startsWith("#/")) return this.outside(reference, at)
      const steps = stepsOf(reference)
      found = steps.reduce<unknown>(
        (outer, step) => (Predicate.isReadonlyObject(outer) && Object.hasOwn(outer, step) ? outer[step] : undefined),
        this.#root
      )
      if (found === undefined) return this.missing(reference, at)
      at = steps
    }
  }

  outside(reference: string, path: Path): undefined {
    const message = `The reference ${quote(reference)} leads out of the document, and other documents are not loaded: bundle them into one document first.`
    return this.add("remote-reference", path, message)
  }

  missing(reference: string, path: Path): undefined {
    return this.add("unknown-reference", path, `The document has no ${quote(reference)}: correct the reference.`)
  }
}

const stepsOf = (reference: string): ReadonlyArray<string> =>
  reference
    .slice(2)
    .split("/")
    .map((step) => decoded(step).replaceAll("~1", "/").replaceAll("~0", "~"))

const decoded = (step: string): string => {
  try {
    return decodeURIComponent(step)
  } catch {
    return step
  }
}

export const quote = (text: string): string => JSON.stringify(text.length > 100 ? `${text.slice(0, 99)}…` : text)
