/**
 * What crews remember: short-term (what one execution said), long-term (what outlives it) and entities (people, places, things).
 *
 * - Remembering the same text of the same kind in the same scope again changes nothing.
 * - Recall sees only the scope it names and everything wider, never another tenant's, and answers in a deterministic order.
 * - What does not share a word that matters with the query is not recalled, however few memories there are.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Tenant from "./Tenant.ts"

export type Kind = "short-term" | "long-term" | "entity"

/** Where a memory belongs. A memory is seen from every scope that agrees with all the parts it names. */
export interface Scope {
  readonly crew?: string
  readonly agent?: string
  readonly user?: string
  readonly execution?: string
}

export interface Entry {
  readonly id: string
  readonly kind: Kind
  readonly text: string
  readonly scope: Scope
  /** From 0 to 1. */
  readonly importance: number
  /** When it was first remembered, ISO 8601. */
  readonly at: string
}

export interface Remembered {
  readonly kind: Kind
  readonly text: string
  readonly scope: Scope
  /** From 0 to 1; default 0.5. */
  readonly importance?: number
}

export interface Query {
  readonly text: string
  readonly scope: Scope
  readonly kinds?: ReadonlyArray<Kind>
  /** At most so many; default 5. */
  readonly limit?: number
  /** At most so many characters of text in all; default 4,000. */
  readonly maxCharacters?: number
}

export interface Recalled extends Entry {
  /** Greater is nearer; comparable within one answer only. */
  readonly score: number
}

/** The memory's storage failed. */
export class MemoryError extends Schema.TaggedError<MemoryError>()("MemoryError", {
  operation: Schema.String,
  description: Schema.String,
  isRetryable: Schema.Boolean
}) {
  override get message() {
    return `Memory.${this.operation}: ${this.description}`
  }
}

export class Memory extends Context.Service<
  Memory,
  {
    readonly remember: (entries: ReadonlyArray<Remembered>) => Effect.Effect<void, MemoryError>
    readonly recall: (query: Query) => Effect.Effect<ReadonlyArray<Recalled>, MemoryError>
    /** Erases every memory whose scope agrees with all the parts named here; answers how many. An empty scope erases all. */
    readonly forget: (scope: Scope) => Effect.Effect<number, MemoryError>
  }
>()("@crewline/core/Memory") {}

interface Stored extends Entry {
  readonly terms: ReadonlyMap<string, number>
  readonly length: number
}

/** Okapi BM25 with its usual constants: Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009. */
const k1 = 1.2
const b = 0.75

const termsOf = (text: string): Array<string> => text.toLowerCase().match(/[\p{L}\p{N}]{2,}/gu) ?? []

const agrees = (memory: Scope, scope: Scope): boolean =>
  (memory.crew === undefined || memory.crew === scope.crew) &&
  (memory.agent === undefined || memory.agent === scope.agent) &&
  (memory.user === undefined || memory.user === scope.user) &&
  (memory.execution === undefined || memory.execution === scope.execution)

/** In the memory of this process, ranked by words (BM25). Nothing is kept when it ends. */
export const layerLocal: Layer.Layer<Memory> = Layer.sync(Memory, () => {
  const tenants = new Map<string, Map<string, Stored>>()
  const memoriesOf = (tenant: string) => {
    let memories = tenants.get(tenant)
    if (memories === undefined) tenants.set(tenant, (memories = new Map()))
    return memories
  }
  return {
    remember: Effect.fnUntraced(function* (entries) {
      const memories = memoriesOf(yield* Tenant.Current)
      const at = new Date(yield* Clock.currentTimeMillis).toISOString()
      for (const { importance = 0.5, kind, scope, text } of entries) {
        const { agent, crew, execution, user } = scope
        const id = JSON.stringify([kind, crew, agent, user, execution, text.trim()])
        if (text.trim() === "" || memories.has(id)) continue
        const terms = new Map<string, number>()
        const words = termsOf(text)
        for (const word of words) terms.set(word, (terms.get(word) ?? 0) + 1)
        memories.set(id, { id, kind, text, scope, importance, at, terms, length: words.length })
      }
    }),
    recall: Effect.fnUntraced(function* ({ kinds, limit = 5, maxCharacters = 4_000, scope, text }) {
      const seen = [...memoriesOf(yield* Tenant.Current).values()].filter(
        (memory) => agrees(memory.scope, scope) && (kinds === undefined || kinds.includes(memory.kind))
      )
      const average = seen.reduce((sum, memory) => sum + memory.length, 0) / Math.max(seen.length, 1)
      const words = [...new Set(termsOf(text))].map((word) => {
        const holders = seen.filter((memory) => memory.terms.has(word)).length
        return { word, weight: Math.log(1 + (seen.length - holders + 0.5) / (holders + 0.5)) }
      })
      const scored = seen.map((memory) => {
        let score = 0
        for (const { weight, word } of words) {
          const count = memory.terms.get(word) ?? 0
          score += (weight * count * (k1 + 1)) / (count + k1 * (1 - b + (b * memory.length) / average))
        }
        return { memory, score: score * (1 + 0.1 * memory.importance) }
      })
      scored.sort((x, y) => y.score - x.score || (x.memory.id < y.memory.id ? -1 : 1))
      const recalled: Array<Recalled> = []
      let characters = 0
      for (const { memory, score } of scored) {
        if (score <= 0 || recalled.length === limit) break
        if (characters + memory.text.length > maxCharacters) continue
        characters += memory.text.length
        const { at, id, importance, kind } = memory
        recalled.push({ id, kind, text: memory.text, scope: memory.scope, importance, at, score })
      }
      return recalled
    }),
    forget: Effect.fnUntraced(function* (scope) {
      const memories = memoriesOf(yield* Tenant.Current)
      let count = 0
      for (const memory of memories.values()) {
        if (!agrees(scope, memory.scope)) continue
        memories.delete(memory.id)
        count++
      }
      return count
    })
  }
})
