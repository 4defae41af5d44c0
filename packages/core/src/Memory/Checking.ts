/**
 * What cannot be stored or asked is refused before anything is done, with words that say where.
 * Every layer uses these.
 */
import * as Effect from "effect/Effect"
import type { Exported, Filter, Query } from "../MemoryQuery.ts"
import { maxTextLength, type Mention, type Remembered, type Retention, type Scope } from "../MemoryEntry.ts"
import { InvalidMemory } from "./Failure.ts"
import { parts } from "./Visibility.ts"

/** Characters of a name: a part of a scope, a subject, a speaker. */
export const maxNameLength = 512
const maxListed = 1_000

type Problem = readonly [path: string, description: string]

const nameProblem = (path: string, value: string | undefined): ReadonlyArray<Problem> => {
  if (value === undefined) return []
  if (value === "") return [[path, "expected a text that is not empty"]]
  if (value.length > maxNameLength) return [[path, `expected at most ${maxNameLength} characters, got ${value.length}`]]
  return textProblem(path, value)
}

const textProblem = (path: string, value: string): ReadonlyArray<Problem> => {
  if (value.length > maxTextLength)
    return [[path, `expected at most ${maxTextLength} characters, got ${value.length}: split it`]]
  const at = value.indexOf("\0")
  return at === -1 ? [] : [[path, `has the null character at position ${at}, which cannot be stored: remove it`]]
}

const scopeProblems = (path: string, scope: Scope | undefined): ReadonlyArray<Problem> =>
  scope === undefined ? [] : parts.flatMap((part) => nameProblem(`${path}.${part}`, scope[part]))

const timeProblem = (path: string, value: string | undefined): ReadonlyArray<Problem> =>
  value === undefined || !Number.isNaN(Date.parse(value))
    ? []
    : [[path, `expected an ISO 8601 date or time, got ${JSON.stringify(value.slice(0, 40))}`]]

const shareProblem = (path: string, value: number | undefined): ReadonlyArray<Problem> =>
  value === undefined || (value >= 0 && value <= 1) ? [] : [[path, `expected a number from 0 to 1, got ${value}`]]

const countProblem = (path: string, value: number | undefined): ReadonlyArray<Problem> =>
  value === undefined || (Number.isSafeInteger(value) && value >= 1)
    ? []
    : [[path, `expected a whole number, 1 or more, got ${value}`]]

const mentionProblems = (path: string, { aliases = [], description, name, type }: Mention): ReadonlyArray<Problem> => [
  ...nameProblem(`${path}.name`, name),
  ...nameProblem(`${path}.type`, type),
  ...aliases.flatMap((alias, index) => nameProblem(`${path}.aliases[${index}]`, alias)),
  ...(description === undefined ? [] : textProblem(`${path}.description`, description))
]

const rememberedProblems = (path: string, entry: Remembered): ReadonlyArray<Problem> => [
  ...textProblem(`${path}.text`, entry.text),
  ...scopeProblems(`${path}.scope`, entry.scope),
  ...nameProblem(`${path}.speaker`, entry.speaker),
  ...nameProblem(`${path}.conversation`, entry.conversation),
  ...nameProblem(`${path}.subject`, entry.subject),
  ...nameProblem(`${path}.key`, entry.key),
  ...nameProblem(`${path}.source.execution`, entry.source?.execution),
  ...nameProblem(`${path}.source.task`, entry.source?.task),
  ...shareProblem(`${path}.importance`, entry.importance),
  ...shareProblem(`${path}.outcome.score`, entry.outcome?.score),
  ...textProblem(`${path}.outcome.lesson`, entry.outcome?.lesson ?? ""),
  ...timeProblem(`${path}.saidAt`, entry.saidAt),
  ...timeProblem(`${path}.happenedAt`, entry.happenedAt),
  ...(entry.mentions ?? []).flatMap((mention, index) => mentionProblems(`${path}.mentions[${index}]`, mention)),
  ...(entry.relations ?? []).flatMap(({ from, relation, to }, index) => [
    ...nameProblem(`${path}.relations[${index}].from`, from),
    ...nameProblem(`${path}.relations[${index}].relation`, relation),
    ...nameProblem(`${path}.relations[${index}].to`, to)
  ])
]

const refused = (operation: string, problems: ReadonlyArray<Problem>): Effect.Effect<void, InvalidMemory> => {
  const [first] = problems
  return first === undefined
    ? Effect.void
    : Effect.fail(new InvalidMemory({ operation, path: first[0], description: first[1] }))
}

export const remembered = (entries: ReadonlyArray<Remembered>): Effect.Effect<void, InvalidMemory> =>
  refused(
    "remember",
    entries.flatMap((entry, index) => rememberedProblems(`entries[${index}]`, entry))
  )

export const query = (operation: string, query: Query): Effect.Effect<void, InvalidMemory> =>
  refused(operation, [
    ...textProblem("query.text", query.text),
    ...scopeProblems("query.scope", query.scope),
    ...countProblem("query.limit", query.limit),
    ...countProblem("query.maxTokens", query.maxTokens),
    ...shareProblem("query.threshold", query.threshold),
    ...timeProblem("query.asOf", query.asOf)
  ])

export const view = (
  operation: string,
  { asOf, scope }: { readonly scope: Scope; readonly asOf?: string }
): Effect.Effect<void, InvalidMemory> =>
  refused(operation, [...scopeProblems("scope", scope), ...timeProblem("asOf", asOf)])

const filterProblems = (filter: Filter): ReadonlyArray<Problem> => [
  ...((filter.ids?.length ?? 0) > maxListed
    ? [["filter.ids", `expected at most ${maxListed} ids, got ${filter.ids!.length}`] as const]
    : []),
  ...scopeProblems("filter.scope", filter.scope),
  ...scopeProblems("filter.seenFrom.scope", filter.seenFrom?.scope),
  ...nameProblem("filter.subject", filter.subject),
  ...timeProblem("filter.since", filter.since),
  ...timeProblem("filter.before", filter.before)
]

export const filter = (
  operation: string,
  filter: Filter & { readonly asOf?: string }
): Effect.Effect<void, InvalidMemory> =>
  refused(operation, [...filterProblems(filter), ...timeProblem("asOf", filter.asOf)])

/** A filter that names nothing would erase everything by mistake. */
export const forgotten = (filter: Filter): Effect.Effect<void, InvalidMemory> =>
  refused("forget", [
    ...filterProblems(filter),
    ...(Object.values(filter).every((value) => value === undefined)
      ? [["filter", "names nothing: to forget everything of the tenant, name the scope {}"] as const]
      : [])
  ])

export const retention = (retention: ReadonlyArray<Retention>): Effect.Effect<void, InvalidMemory> =>
  refused(
    "retain",
    retention.flatMap(({ kind, maxAgeDays, maxCount }, index): ReadonlyArray<Problem> => {
      const path = `retention[${index}]`
      if (retention.findIndex((each) => each.kind === kind) !== index)
        return [[path, `${kind} has a retention already: give each kind once`]]
      if (maxAgeDays !== undefined && !(Number.isFinite(maxAgeDays) && maxAgeDays > 0))
        return [[`${path}.maxAgeDays`, `expected a number greater than 0, got ${maxAgeDays}`]]
      if (maxCount !== undefined && !(Number.isSafeInteger(maxCount) && maxCount >= 0))
        return [[`${path}.maxCount`, `expected a whole number, 0 or more, got ${maxCount}`]]
      return []
    })
  )

export const imported = (exported: ReadonlyArray<Exported>): Effect.Effect<void, InvalidMemory> =>
  refused(
    "import",
    exported.flatMap(({ entry, key }, index) => [
      ...nameProblem(`exported[${index}].entry.id`, entry.id),
      ...rememberedProblems(`exported[${index}].entry`, { ...entry, ...(key === undefined ? {} : { key }) }),
      ...timeProblem(`exported[${index}].entry.storedAt`, entry.storedAt),
      ...timeProblem(`exported[${index}].entry.validTo`, entry.validTo)
    ])
  )
