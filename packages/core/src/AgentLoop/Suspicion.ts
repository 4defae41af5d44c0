/**
 * Whether an output is what it says it is, as far as what was said and done in the conversation
 * shows.
 */
import type * as Schema from "effect/Schema"
import type { Doubt } from "../ExecutionEvent.ts"
import { Doubts } from "../Manager.ts"
import type { Conversation } from "./Conversation.ts"
import { type Equipment, toolOf } from "./Equipment.ts"

const none: ReadonlyArray<Doubt> = []

/** Signs that the output is no success; none are looked for where the task does not ask for it. */
export const of = (equipment: Equipment, conversation: Conversation, output: Schema.Json): ReadonlyArray<Doubt> => {
  const { plan, task } = equipment.leg
  if (task.office !== undefined || (task.checked !== true && plan.manager === undefined)) return none
  const shown: Array<string> = []
  let hasActed = false
  for (const { content, role } of conversation.messages) {
    // The agent's own statements prove nothing.
    if (role === "assistant") continue
    if (typeof content === "string") shown.push(content)
    else
      for (const part of content) {
        if (part.type === "text") shown.push(part.text)
        if (part.type !== "tool-result") continue
        shown.push(typeof part.result === "string" ? part.result : JSON.stringify(part.result))
        // A tool that may be repeated without harm changes nothing; work that was passed on may
        // have.
        const tool = toolOf(equipment, part.name)
        if (!part.isFailure && (tool?.idempotent !== true || tool.need !== undefined)) hasActed = true
      }
  }
  return Doubts.find({ output, description: task.description, shown, hasActed }, plan.checksOff)
}
