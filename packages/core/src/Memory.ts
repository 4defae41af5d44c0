/**
 * What crews remember: short-term (what one execution or conversation said), long-term (what
 * outlives it) and entities (people, places, things).
 *
 * - Remembering the same text of the same kind in the same scope again adds no memory: it
 *   corroborates the one that is there. With the same key, it changes nothing at all, even when the
 *   memory has been erased since.
 * - Of a subject one memory holds at a time in a scope. Another value closes the old one, which
 *   `asOf` still finds.
 * - Recall sees only the scope it names and everything wider, never another tenant's, whose
 *   memories change no result, and answers in a deterministic order within its budget of tokens.
 *   What a completed `remember` stored is found by the next recall.
 * - What shares nothing with the query is not recalled, however few memories there are.
 * - What was recalled for an execution is not stored again as something that the execution found
 *   out.
 * - Forgetting erases a memory and all that was made of it, and names the executions whose events
 *   may still quote it.
 * - Times are of storing: an answer as of a time does not change by what is remembered later.
 */
export * from "./MemoryQuery.ts"
export * from "./MemoryEntry.ts"
export * from "./Memory/Failure.ts"
export * from "./Memory/Service.ts"
export * as Checking from "./Memory/Checking.ts"
export * as Consolidation from "./Memory/Consolidation.ts"
export * as Dates from "./Memory/Dates.ts"
export * as Entities from "./Memory/Entities.ts"
export * as Explaining from "./Memory/Explaining.ts"
export * as Junk from "./Memory/Junk.ts"
export * as Making from "./Memory/Making.ts"
export * as Ranking from "./Memory/Ranking.ts"
export * as Reranking from "./Memory/Reranking.ts"
export * as Terms from "./Memory/Terms.ts"
export * as Visibility from "./Memory/Visibility.ts"
export { layer as layerLocal, layerEmbedded as layerLocalEmbedded } from "./Memory/Local.ts"
