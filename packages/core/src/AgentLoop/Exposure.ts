/**
 * What a task has seen: data that may be private, and text that cannot be trusted. Both together in
 * one task, with a way out, are how data is stolen by text: such a call is asked about.
 */
import { isTrusted, searchTool, type Origin } from "../MemoryOptions.ts"
import type { Exposure } from "../Policy.ts"
import type { Tool } from "../Toolbox.ts"
import type { Conversation } from "./Conversation.ts"
import type { Equipment } from "./Equipment.ts"

export type Seen = Omit<Exposure, "leadsOut">

/** What the agent was shown until now. */
export const of = ({ leg, tools }: Equipment, conversation: Conversation): Seen => {
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
  for (const { name } of conversation.results()) {
    const tool = tools.get(name)
    if (tool === undefined) continue
    if (isPrivate(tool)) privateData.add(name)
    if (isUntrusted(tool)) untrustedText.add(name)
  }
  return { privateData: [...privateData], untrustedText: [...untrustedText] }
}

/** It reads what is stored; what it has computed itself is nobody's secret. */
const isPrivate = ({ kind, name, origin }: Tool): boolean =>
  name === searchTool || (kind === "read" && origin !== undefined && origin !== "agent" && origin !== "web")

const isUntrusted = ({ kind, origin }: Tool): boolean => (origin === undefined ? kind === "network" : origin === "web")

/**
 * A call that reaches other machines, or runs code that may. The sandbox of Crewline's own cannot.
 */
export const leadsOut = ({ kind, source }: Tool): boolean =>
  kind === "network" || ((kind === undefined || kind === "execute") && source !== "built-in")
