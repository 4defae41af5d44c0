import type * as Llm from "@crewline/core/Llm"

/** A question with a system prompt. */
export const request = (fields: Partial<Llm.Request> = {}): Llm.Request => ({
  messages: [
    { role: "system", content: "Be brief." },
    { role: "user", content: [{ type: "text", text: "Which mammals use tools?" }] }
  ],
  tools: [],
  toolChoice: "auto",
  ...fields
})
