/**
 * Writes what models answered to a file, a cassette, and answers from it again without any
 * provider, so that examples and tests run offline. A cassette has one JSON object a line: the key
 * of the question (a hash of its content), the model, and the answer or the failure. Prompts are
 * not in it.
 *
 * Keys of providers never come here: they are added to the request further inside. Other secrets
 * that an answer may repeat are given (`secrets`) and blanked, and so is what looks like a key. A
 * question is known by its blanked content, so that a cassette does not depend on the secrets of
 * whoever recorded it.
 */
import * as FileFailure from "@crewline/core/FileFailure"
import * as Llm from "@crewline/core/Llm"
import * as Usage from "@crewline/core/Usage"
import * as Response from "effect/ai/Response"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as QuestionKey from "./ResponseCache/QuestionKey.ts"
import type { Provider } from "./Provider.ts"

export interface Options {
  /** Path of the cassette. */
  readonly file: string
  /** Blanked wherever they stand in a question or an answer. */
  readonly secrets?: ReadonlyArray<Redacted.Redacted>
}

/** The file is not a cassette, or cannot be read. */
export class CassetteError extends Schema.TaggedError<CassetteError>()("CassetteError", {
  file: Schema.String,
  /** Absent: the file could not be read. */
  line: Schema.optionalKey(Schema.Int),
  description: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    return this.line === undefined ? this.description : `${this.file}, line ${this.line}: ${this.description}`
  }
}

const Entry = Schema.fromJsonString(
  Schema.Struct({
    key: Schema.String,
    model: Schema.String,
    answer: Schema.optionalKey(
      Schema.Struct({
        parts: Schema.Array(Schema.Unknown),
        finishReason: Response.FinishReason,
        usage: Usage.Usage,
        model: Schema.String
      })
    ),
    reason: Schema.optionalKey(Llm.Reason)
  })
)
type Entry = typeof Entry.Type

/**
 * Puts a recorder around models: what they answer is added to the cassette. Failing to write fails
 * no call; it is logged.
 */
export const record = (
  options: Options
): Effect.Effect<(model: Llm.Model) => Llm.Model, never, FileSystem.FileSystem> =>
  Effect.map(FileSystem.FileSystem, (fileSystem) => {
    const clean = cleaner(options)
    const write = (entry: Entry) =>
      Schema.encodeEffect(Entry)(entry).pipe(
        Effect.flatMap((line) => fileSystem.writeFileString(options.file, `${clean(line)}\n`, { flag: "a" })),
        Effect.catch((error) =>
          Effect.logWarning(
            `The cassette ${options.file} is incomplete: an answer could not be written: ${error._tag === "PlatformError" ? FileFailure.describe(error) : error.message}`
          )
        )
      )
    return (model) => ({
      reference: model.reference,
      generate: (request) => {
        const question = { key: QuestionKey.of(model.reference, request, clean), model: model.reference }
        return model.generate(request).pipe(
          Effect.tap((answer) => write({ ...question, answer })),
          Effect.tapError(({ reason }) => write({ ...question, reason }))
        )
      }
    })
  })

/**
 * A provider that answers from a cassette. `name` is the provider that was recorded. A question
 * that was recorded more than once is answered in the order of the recording, and with the last
 * answer from then on; one that is not in the cassette is refused.
 */
export const replay = Effect.fn("Recorder.replay")(function* (
  options: Options & { readonly name: string }
): Effect.fn.Return<Provider, CassetteError, FileSystem.FileSystem> {
  const { file, name } = options
  const clean = cleaner(options)
  const text = yield* Effect.flatMap(FileSystem.FileSystem, (fileSystem) => fileSystem.readFileString(file)).pipe(
    Effect.mapError((cause) => {
      const description = `Failed to read the cassette ${file}: ${FileFailure.describe(cause)}. Record it first with Recorder.record.`
      return new CassetteError({ file, description, cause })
    })
  )
  const entries = new Map<string, Array<Entry>>()
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue
    const entry = yield* Effect.mapError(
      Schema.decodeEffect(Entry)(line),
      (error) => new CassetteError({ file, line: index + 1, description: `Invalid recorded answer: ${error.message}` })
    )
    const known = entries.get(entry.key)
    if (known === undefined) entries.set(entry.key, [entry])
    else known.push(entry)
  }
  const model = (id: string): Llm.Model => {
    const reference = `${name}/${id}`
    const fail = (reason: Llm.Reason) => Effect.fail(new Llm.LlmError({ model: reference, reason }))
    return {
      reference,
      generate: (request) =>
        Effect.suspend(() => {
          const recorded = entries.get(QuestionKey.of(reference, request, clean))
          const next = recorded !== undefined && recorded.length > 1 ? recorded.shift() : recorded?.[0]
          if (next?.reason !== undefined) return fail(next.reason)
          if (next?.answer === undefined) {
            const description = `The cassette ${file} has no answer for this request. Record it again: prompts, tools or parameters changed.`
            return fail(new Llm.InvalidRequest({ description }))
          }
          // What was written came from a model as parts.
          const parts = next.answer.parts as Llm.Answer["parts"]
          const { onDelta } = request
          if (onDelta !== undefined) for (const part of parts) if (part.type === "text") onDelta(part.text)
          return Effect.succeed({ ...next.answer, parts })
        })
    }
  }
  return { name, model }
})

const looksLikeKey =
  /\b(?:sk-|gh[pousr]_|github_pat_|xox[a-z]-|AKIA|AIza)[A-Za-z0-9_-]{12,}|\bBearer\s+[A-Za-z0-9._~+/=-]{12,}/g

const cleaner = ({ secrets = [] }: Options): ((text: string) => string) => {
  const values = secrets.map(Redacted.value).filter((value) => value !== "")
  const forms = [
    ...new Set(values.flatMap((value) => [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value)]))
  ]
  return (text) =>
    forms.reduce((safe, form) => safe.replaceAll(form, "[secret]"), text).replaceAll(looksLikeKey, "[secret]")
}
