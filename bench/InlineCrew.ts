/** Crews as clients of the HTTP API send them; their agent calls the fake provider. */

interface Options {
  /** Each task after the one before; otherwise side by side. */
  readonly isChain?: boolean
  /** Directives for the provider (`Directives`). */
  readonly text?: string
  /** Each output is followed by a row of the outbox. */
  readonly memory?: boolean
}

export const make = (
  name: string,
  tasks: number,
  { isChain = false, memory = false, text = "" }: Options = {}
): object => ({
  name,
  ...(memory && { memory }),
  agents: { a: { role: "Researcher", goal: "Answer briefly", model: "openai/fake" } },
  tasks: Object.fromEntries(
    Array.from({ length: tasks }, (_, n) => [
      `t${n}`,
      {
        description: `Say something about ${n}. ${text}`,
        expectedOutput: "A sentence.",
        agent: "a",
        ...(isChain && n > 0 && { dependsOn: [`t${n - 1}`] })
      }
    ])
  )
})
