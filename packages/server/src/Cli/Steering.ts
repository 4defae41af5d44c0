/**
 * Messages that a person types to an execution: `@task text` is for the agent of a task, `@ text`
 * and anything else for the manager.
 */
import * as Crewline from "@crewline/core/Crewline"
import * as Effect from "effect/Effect"
import * as Output from "./Output.ts"
import * as Person from "./Person.ts"

/** How it is typed. */
export const help = "Type a message to the manager, or @task and a message to the agent of a task."

/** True for a line that is not an answer to the ask. */
export const isMessage = (line: string): boolean => line.trimStart().startsWith("@")

const pattern = /^\s*@(\S*)\s*(.*)$/s

/** Sends it, and prints the result. */
export const send = Effect.fn("Steering.send")(function* (executionId: string, line: string) {
  const crewline = yield* Crewline.Crewline
  const { say, terminal } = yield* Output.Output
  const [, taskId = "", text = line] = pattern.exec(line) ?? []
  if (text.trim() === "" && taskId === "") return
  const message = { text, ...(taskId !== "" && { taskId }) }
  const came = yield* crewline.send(executionId, message, { by: Person.here() }).pipe(
    Effect.as(`Sent to ${taskId === "" ? "the manager" : `the agent of ${taskId}`}.`),
    Effect.catchTag("MessageRefused", (refused) => Effect.succeed(refused.message))
  )
  terminal?.leave()
  yield* say(came)
})
