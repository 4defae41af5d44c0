/** A crew that does better the second time. `npm start` */
import { client, Crew } from "crewline"
import { model } from "./model.ts"

const crew = Crew.make({
  name: "quotes",
  memory: true,
  agents: { clerk: { role: "Clerk", goal: "Write quotes that need no second look" } },
  tasks: {
    quote: {
      agent: "clerk",
      description: "Write a quote for sending {parcel}.",
      expectedOutput: "One sentence to the customer.",
      // A person looks at each before it goes out.
      humanInput: true
    }
  }
})

/** What the person says who reviews: a quote without a price is of no use. */
const review = (quote: string) =>
  quote.includes("euros")
    ? ({ answer: "accept" } as const)
    : ({ answer: "revise", feedback: "Always name the price in euros." } as const)

await using crewline = await client(model === undefined ? {} : { models: model })

const run = async (parcel: string) => {
  const execution = await crewline.start(crew, { inputs: { parcel } })
  let reviews = 0
  for await (const event of execution.events) {
    if (event.type === "MemoryRecalled") console.log(`Recalled ${event.ids.length}: ${event.why?.[0]}`)
    if (event.type !== "TaskSuspended") continue
    for (const ask of await crewline.asks({ executionId: execution.id, state: "open" })) {
      const quote = JSON.stringify(ask.shown)
      console.log(`Review ${++reviews}: ${review(quote).answer}`)
      await crewline.answer(ask.id, review(quote))
    }
  }
  console.log(`${(await execution.result).output}\n`)
}

console.log("The first quote:")
await run("a parcel of 2 kg to Oslo")
console.log("The second quote:")
await run("a parcel of 5 kg to Rome")

for (const { outcome, text } of await crewline.memory.list({ scope: { crew: "quotes" } }))
  console.log(`Remembered: ${text} (score ${outcome?.score}, lesson: ${outcome?.lesson ?? "none"})`)

const { count } = await crewline.memory.forget({ scope: { crew: "quotes" } })
console.log(`Forgotten: ${count}`)
