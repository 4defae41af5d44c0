/** A cache of validated stored crews, the most recently used ones, up to a size. */
import type * as CoreCrew from "@crewline/core/Crew"
import type { AgentBody } from "../Api/Agents.ts"
import type { CrewBody } from "../Api/Crews.ts"
import type * as ResourceStore from "../ResourceStore.ts"

export interface Entry {
  /**
   * What it was made of: this version of the crew, these of the agents that it refers to, by name,
   * and these tools.
   */
  readonly stored: ResourceStore.Stored<CrewBody>
  readonly agents: ReadonlyMap<string, ResourceStore.Stored<AgentBody>>
  readonly tools: ReadonlyArray<string>
  readonly crew: CoreCrew.Crew
}

/** Characters of JSON of all crews together. A crew in memory takes several times that. */
const maxSize = 16 * 1024 * 1024

export class StoredCrews {
  private readonly entries = new Map<string, Entry>()
  private size = 0

  get(key: string): Entry | undefined {
    const entry = this.entries.get(key)
    if (entry !== undefined) {
      this.entries.delete(key)
      this.entries.set(key, entry)
    }
    return entry
  }

  set(key: string, entry: Entry) {
    this.delete(key)
    this.entries.set(key, entry)
    this.size += entry.stored.size
    for (const oldest of this.entries.keys()) {
      if (this.size <= maxSize) break
      this.delete(oldest)
    }
  }

  private delete(key: string) {
    const entry = this.entries.get(key)
    if (entry === undefined) return
    this.entries.delete(key)
    this.size -= entry.stored.size
  }
}

/** Whether the sources of the entry are unchanged. */
export const isCurrent = (entry: Entry, { agents, stored, tools }: Omit<Entry, "crew">): boolean =>
  entry.stored === stored &&
  entry.agents.size === agents.size &&
  [...agents].every(([name, agent]) => entry.agents.get(name) === agent) &&
  entry.tools.length === tools.length &&
  entry.tools.every((name, index) => name === tools[index])
