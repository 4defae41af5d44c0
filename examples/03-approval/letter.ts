/** A crew that writes a letter, and may send it only after a person said yes. */
import * as Crew from "@crewline/core/Crew"
import * as Tool from "@crewline/core/Tool"
import { z } from "zod"

/** Asks a person. `ask` says what; `execute` runs once, with the answer. */
const chooseTone = Tool.make({
  name: "choose_tone",
  description: "Asks the person who ordered the letter for its tone.",
  answer: z.enum(["formal", "friendly"]),
  ask: () => "Should the letter be formal or friendly?",
  execute: (_, { answer }) => `The letter should be ${answer}.`
})

/** Needs a person's approval of exactly these arguments; the person may change them. */
const sendLetter = Tool.make({
  name: "send_letter",
  description: "Sends a letter to a customer.",
  parameters: z.object({ customer: z.string(), text: z.string() }),
  approval: true,
  // A real one would send it. The key is the same when the call is made again after a crash.
  execute: ({ customer, text }, { idempotencyKey }) => {
    console.log(`Sent to ${customer} (${idempotencyKey}): ${text}`)
    return "The letter was sent."
  }
})

export const tools = [chooseTone, sendLetter]

export const crew = Crew.make({
  name: "letter",
  agents: {
    writer: { role: "Writer", goal: "Write letters that customers like", tools: ["choose_tone", "send_letter"] }
  },
  tasks: {
    letter: {
      description:
        "Write a letter to {customer} about our move to the new office. Ask for the tone first, then send it.",
      expectedOutput: "What was sent, or why nothing was."
    }
  }
})
