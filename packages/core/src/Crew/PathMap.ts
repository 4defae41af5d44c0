/**
 * Values by their path in a crew. Paths are followed step by step and not made into text: one name
 * may be as long as the crew.
 */
import type { Path } from "./PlainJson.ts"

interface Branch<A> {
  value?: A
  readonly branches: Map<string | number, Branch<A>>
}

export class PathMap<A> {
  readonly #root: Branch<A> = { branches: new Map() }

  get(path: Path): A | undefined {
    let branch: Branch<A> | undefined = this.#root
    for (const step of path) branch = branch?.branches.get(step)
    return branch?.value
  }

  set(path: Path, value: A): void {
    let branch = this.#root
    for (const step of path) {
      let next = branch.branches.get(step)
      if (next === undefined) {
        next = { branches: new Map() }
        branch.branches.set(step, next)
      }
      branch = next
    }
    branch.value = value
  }
}
