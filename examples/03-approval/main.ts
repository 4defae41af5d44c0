/** The crew in the terminal: whatever it asks, you answer. `npm start -- Ada` */
import type * as Ask from "@crewline/core/Ask"
import { type AskView, InvalidAnswer } from "@crewline/core/Crewline"
import { client } from "crewline"
import { createInterface } from "node:readline"
import { crew, tools } from "./letter.ts"

const customer = process.argv[2] ?? "Ada"

const terminal = createInterface({ input: process.stdin })
const lines = terminal[Symbol.asyncIterator]()
const read = async (question: string): Promise<string> => {
  console.log(question)
  const { done, value } = await lines.next()
  return done === true ? "" : value.trim()
}

/** What the person says to an ask. */
const answerTo = async ({ hash, kind }: AskView): Promise<Ask.Answer> => {
  if (kind !== "approval") return { answer: "reply", value: await read("Your answer:") }
  // The hash says what was looked at: an answer to anything else is refused.
  return { answer: (await read("Approve? (yes/no)")) === "yes" ? "approve" : "deny", hash }
}

await using crewline = await client({ tools })
const execution = await crewline.start(crew, { inputs: { customer } })

for await (const event of execution.events) {
  // A task gives its worker back while it waits: whoever answers may take as long as it takes.
  if (event.type !== "TaskSuspended") continue
  for (const ask of await crewline.asks({ executionId: execution.id, state: "open" })) {
    console.log(`\n${ask.title}\n${JSON.stringify(ask.shown, undefined, 2)}`)
    for (let isTaken = false; !isTaken;) {
      try {
        await crewline.answer(ask.id, await answerTo(ask))
        isTaken = true
      } catch (error) {
        // It does not fit what is asked: nothing is recorded, and the ask stays open.
        if (!(error instanceof InvalidAnswer)) throw error
        console.log(error.problems.map(({ message }) => message).join("\n"))
      }
    }
  }
}

const { output } = await execution.result
console.log(`\n${output}`)
terminal.close()
