/**
 * How well memory finds the evidence for a question: `npm run -s bench -- memory --locomo FILE
 * --json`, FILE a list of conversations of LoCoMo (Maharana et al., 2024; snap-research/locomo on
 * GitHub; CC BY-NC: for evaluation only, not part of this repository). Its numbers are shares of a
 * question's evidence that are among the first 5, 10 and 50 results; questions without evidence are
 * left out. Captions of sent pictures are part of the messages.
 *
 * The arms `lexical` and `words` are shipped; the others are alternatives: plain BM25, `ts_rank` of
 * PostgreSQL with the terms of the question joined by OR, hashed vectors alone, and these fused
 * with the terms by rank.
 *
 * Without a file: the cost of the memory of PostgreSQL against the same SQL by hand, by the number
 * of memories in a scope, up to `--memories 100000`; and what is found among `--vectors 100000`, by
 * filter (`0`: left out). Needs PostgreSQL at `TEST_DATABASE_URL`, with pgvector for the second.
 */
import * as Effect from "effect/Effect"
import * as Locomo from "./Locomo.ts"
import * as LocomoArms from "./LocomoArms.ts"
import * as MemoryStorage from "./MemoryStorage.ts"
import * as MemoryVectors from "./MemoryVectors.ts"
import type { Files, Options, Report } from "./run.ts"

export const files = ["locomo"]
export const options = { memories: 100_000, vectors: 100_000 }

export const run = (report: Report, { memories, vectors }: Options, { locomo }: Files): Promise<void> => {
  if (locomo === undefined)
    return Effect.runPromise(
      Effect.andThen(
        MemoryStorage.run(report, memories!),
        vectors! > 0 ? MemoryVectors.run(report, vectors!) : Effect.void
      )
    )
  const conversations = Locomo.read(locomo)
  return Effect.runPromise(
    Effect.forEach(
      LocomoArms.all,
      ([arm, ask]) =>
        Effect.matchEffect(Locomo.measure(conversations, ask), {
          onFailure: (error) => Effect.sync(() => process.stderr.write(`${arm} was left out: ${error.message}\n`)),
          onSuccess: (figures) =>
            Effect.sync(() => {
              for (const each of figures) report({ bench: "memory", case: "locomo", arm, ...each })
            })
        }),
      { discard: true }
    ).pipe(Effect.scoped)
  )
}
