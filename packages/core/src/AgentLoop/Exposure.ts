/**
 * Tracks a task's exposure to data that may be private and to untrusted text. A prompt injection
 * can steal data from a task that has both and a way to send data out: such a call needs approval.
 */
import { isTrusted, searchTool, type Origin } from "../MemoryOptions.ts"
import type { Exposure } from "../Policy.ts"
import type { Tool } from "../Toolbox.ts"
import type { Conversation } from "./Conversation.ts"
import { type Equipment, toolOf } from "./Equipment.ts"

export type Seen = Omit<Exposure, "leadsOut">

/** The exposure of the agent so far. */
export const of = (equipment: Equipment, conversation: Conversation): Seen => {
  const { leg } = equipment
  const privateData = new Set<string>()
  const untrustedText = new Set<string>()
  const from = (source: string, trust: Origin | undefined) => {
    if (trust !== undefined && !isTrusted(trust, "document")) untrustedText.add(source)
  }
  from("earlier tasks", leg.trust)
  from("memory", leg.history.recalled)
  for (const { trust } of leg.memories) from("memory", trust)
  if (leg.memories.length > 0 || leg.history.recalled !== undefined) privateData.add("memory")
  if ((leg.task.attachments ?? []).length > 0) privateData.add("attachments")
  for (const { name } of [...conversation.results(), ...equipment.nested]) {
    const tool = toolOf(equipment, name)
    if (tool === undefined) continue
    if (isPrivate(tool)) privateData.add(name)
    if (isUntrusted(tool)) untrustedText.add(name)
  }
  return { privateData: [...privateData], untrustedText: [...untrustedText] }
}

/** The tool reads stored data; results that it computes itself are not private. */
const isPrivate = ({ kind, name, origin }: Tool): boolean =>
  name === searchTool || (kind === "read" && origin !== undefined && origin !== "agent" && origin !== "web")

const isUntrusted = ({ kind, origin }: Tool): boolean => (origin === undefined ? kind === "network" : origin === "web")

/**
 * A call that connects to other machines, or runs code that might. Crewline's built-in sandbox
 * cannot connect.
 */
export const leadsOut = ({ kind, source }: Tool): boolean =>
  kind === "network" || ((kind === undefined || kind === "execute") && source !== "built-in")
