/**
 * What the manager is shown of a long output: its beginning, and by which tool it can read the
 * rest. Where everything is shown whole, the tool is not offered.
 */
import * as Effect from "effect/Effect"
import { ToolFailed, type Tool } from "../Tool/Definition.ts"

/** Raised whenever a text below changes. */
export const version = 1

const toolName = "read_output"

/** The most characters that a task of the manager shows of one output, and that one call reads. */
export const maxShown = 20_000

/** The text, or its beginning. `task`: by which name the rest can be read. */
export const of = (task: string, text: string, maxLength = maxShown): string =>
  text.length > maxLength
    ? `${text.slice(0, maxLength)}…\n(${text.length - maxLength} more characters: ${toolName} with task ${JSON.stringify(task)} and from ${maxLength} reads on)`
    : text

/** What a task of the manager says of itself when it shows only so much of a text. */
export const cut = (text: string | undefined, maxLength = maxShown): { readonly excerpt?: true } =>
  text !== undefined && text.length > maxLength ? { excerpt: true } : {}

const part = (text: string, from: number): string => {
  const end = from + maxShown
  const rest = text.length > end ? `…\n(${text.length - end} more characters: read on from ${end})` : ""
  return `${text.slice(from, end)}${rest}`
}

/** `read`: the whole output of a task; `undefined`: there is none of it to read. */
export const tool = (read: (task: string) => Effect.Effect<string | undefined, Error>): Tool => ({
  name: toolName,
  description: `Reads an output of which you are shown only the beginning, up to ${maxShown} characters at once. Call it only when what you are shown is not enough for your decision.`,
  parameters: {
    type: "object",
    properties: {
      task: { type: "string", description: "The task whose output it is." },
      from: { type: "integer", minimum: 0, description: "How many characters to leave out." }
    },
    required: ["task"]
  },
  idempotent: true,
  execute: ({ from, task }) =>
    Effect.matchEffect(read(typeof task === "string" ? task : ""), {
      onFailure: ({ message }) => Effect.fail(new ToolFailed({ message: `The output cannot be read now: ${message}` })),
      onSuccess: (text) =>
        text === undefined
          ? Effect.fail(new ToolFailed({ message: `There is no output of ${JSON.stringify(task)} to read.` }))
          : Effect.succeed(part(text, typeof from === "number" && from > 0 ? Math.floor(from) : 0))
    })
})
