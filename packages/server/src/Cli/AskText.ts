/**
 * An ask as text for a terminal: everything that an answer is bound to, the deadline, and what
 * happens then.
 */
import * as Ask from "@crewline/core/Ask"
import type * as AskView from "@crewline/core/AskView"
import * as Option from "effect/Option"
import * as Layout from "./View/Layout.ts"

/** The lines of an ask. Its texts cannot control the terminal. */
export const lines = (ask: AskView.View): ReadonlyArray<string> => {
  const { executionId, id, kind, shown, taskId, title } = ask
  return [
    `${kind}: ${title}`,
    ...field("id", id),
    ...field("task", `${taskId} of ${executionId}`),
    ...field("shown", visible(JSON.stringify(shown, undefined, 2))),
    ...field("deadline", deadlineOf(ask)),
    ...field("answers", Ask.answers[kind].join(", "))
  ].map((line) => Layout.oneLine(line))
}

/**
 * Escapes invisible and bidirectional control characters as JSON does, so that the shown text hides
 * nothing.
 */
const visible = (json: string): string =>
  json.replace(/[\p{Cf}\p{Zl}\p{Zp}\u007f-\u009f]/gu, (character) =>
    Array.from(
      { length: character.length },
      (_, unit) => `\\u${character.charCodeAt(unit).toString(16).padStart(4, "0")}`
    ).join("")
  )

const width = 10

/** A field of what is shown, with its name in a separate column. */
export const field = (name: string, text: string): ReadonlyArray<string> =>
  text.split("\n").map((line, index) => `  ${(index === 0 ? name : "").padEnd(width)}${line}`)

const deadlineOf = ({ deadline, onSilence, reply }: AskView.View): string => {
  if (deadline === undefined) return "none"
  const meaning = {
    deny: "silence denies",
    accept: "silence accepts",
    reply: `silence replies ${JSON.stringify(reply ?? null)}`
  }
  return `${deadline}: ${meaning[onSilence]}`
}

/**
 * The commands that answer an ask that is kept in this data directory, by default where the command
 * looks for itself.
 */
export const commands = ({ id, kind, schema }: AskView.View, data: Option.Option<string>): ReadonlyArray<string> =>
  Ask.answers[kind].map((answer) => {
    const part = answer === "raise" ? ` --limits '${limitsOf(schema)}'` : parts[answer]
    return `crewline answer ${id} ${answer}${part}${dataFlag(data)}`
  })

/** The flags required to raise a limit. */
const limitsOf = ({ required }: AskView.View["schema"]): string =>
  Array.isArray(required) ? `{ ${required.map((name) => `"${String(name)}": …`).join(", ")} }` : "{…}"

/** `--data`, where it was given, as a shell reads it. */
export const dataFlag = (data: Option.Option<string>): string =>
  Option.match(data, { onNone: () => "", onSome: (directory) => ` --data ${quoted(directory)}` })

const quoted = (word: string): string => (/^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)

const parts: { readonly [answer in Exclude<Ask.Answer["answer"], "raise">]: string } = {
  approve: "",
  edit: " --arguments '{…}'",
  deny: "",
  reply: " --value '…'",
  accept: "",
  revise: " --feedback '…'"
}
