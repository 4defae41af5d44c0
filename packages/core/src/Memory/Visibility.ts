/** Which memories a scope sees, and which ones it holds. */
import { isTrusted, leastTrusted, type Origin } from "../MemoryOptions.ts"
import { Part, type Scope } from "../MemoryEntry.ts"

export { isTrusted, leastTrusted }

export const parts: ReadonlyArray<Part> = Part.literals

/**
 * Whether a memory is visible from a scope: every part of the memory's scope must match, except for
 * the parts in `any`.
 */
export const isSeenFrom = (memory: Scope, scope: Scope, any: ReadonlyArray<Part> = []): boolean =>
  parts.every((part) => memory[part] === undefined || memory[part] === scope[part] || any.includes(part))

/** Whether a memory belongs to a scope, or more narrowly. */
export const isWithin = (memory: Scope, scope: Scope): boolean =>
  parts.every((part) => scope[part] === undefined || memory[part] === scope[part])

/** The same text for the same scope. */
export const keyOf = (scope: Scope): string => JSON.stringify(parts.map((part) => scope[part] ?? null))

/**
 * Whether what comes from there may reach a model as if the crew had said it. Anything else is
 * quoted, with its origin.
 */
export const isOwn = (origin: Origin): boolean => isTrusted(origin, "agent")
