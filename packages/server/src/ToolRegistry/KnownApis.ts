/** A cache of the APIs of tenants as tools, of the most recently read ones, up to a size. */
import type { Tool } from "@crewline/core/Toolbox"
import type { Stored } from "../ResourceStore/ToolApis.ts"

export interface Api {
  readonly stored: Stored
  readonly tools: ReadonlyArray<Tool>
}

export interface Entry {
  readonly apis: ReadonlyArray<Api>
  /** In milliseconds since 1970; later it is compared with what is stored. */
  readonly until: number
}

/** Characters of JSON of all APIs together; as tools, they take several times that. */
const maxSize = 16 * 1024 * 1024

const sizeOf = (entry: Entry): number => entry.apis.reduce((sum, { stored }) => sum + stored.size, 100)

export class KnownApis {
  private readonly entries = new Map<string, Entry>()
  private size = 0

  get(tenant: string): Entry | undefined {
    return this.entries.get(tenant)
  }

  set(tenant: string, entry: Entry) {
    this.delete(tenant)
    this.entries.set(tenant, entry)
    this.size += sizeOf(entry)
    for (const oldest of this.entries.keys()) {
      if (this.size <= maxSize) break
      this.delete(oldest)
    }
  }

  /** What is stored has changed. */
  expire(tenant: string) {
    const entry = this.entries.get(tenant)
    if (entry !== undefined) this.entries.set(tenant, { ...entry, until: 0 })
  }

  private delete(tenant: string) {
    const entry = this.entries.get(tenant)
    if (entry === undefined) return
    this.entries.delete(tenant)
    this.size -= sizeOf(entry)
  }
}
