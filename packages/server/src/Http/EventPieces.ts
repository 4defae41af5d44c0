/**
 * Events as the text of server-sent events, cut into pieces of bounded size: an event is encoded when its turn comes, and at most one
 * is kept encoded. A piece may end in the middle of an event.
 */
import * as ExecutionEvent from "@crewline/core/ExecutionEvent"

/** An event, or a comment that keeps the connection from being taken for dead. */
export type Item = ExecutionEvent.Followed | "heartbeat"

/** Bytes of a piece, at most. */
const maxBytes = 64 * 1024

const encode = (item: Item): Buffer => {
  if (item === "heartbeat") return Buffer.from(":\n\n")
  return Buffer.from(`${ExecutionEvent.isStored(item) ? `id: ${item.seq}\n` : ""}data: ${JSON.stringify(item)}\n\n`)
}

export class EventPieces {
  /** The seq of the last stored event of which every byte was taken. */
  lastSeq: number
  private items: ReadonlyArray<Item> = []
  private index = 0
  /** What is left of the item before `index`. */
  private rest: Buffer = Buffer.alloc(0)

  constructor(after: number) {
    this.lastSeq = after
  }

  /** More items; all earlier ones were taken. */
  fill(items: ReadonlyArray<Item>) {
    this.items = items
    this.index = 0
  }

  /** The next piece; undefined when all items were taken. */
  take(): Buffer | undefined {
    const parts: Array<Buffer> = []
    let room = maxBytes
    while (room > 0 && (this.rest.length > 0 || this.index < this.items.length)) {
      if (this.rest.length === 0) this.rest = encode(this.items[this.index++]!)
      const part = this.rest.subarray(0, room)
      this.rest = this.rest.subarray(part.length)
      room -= part.length
      parts.push(part)
      if (this.rest.length === 0) this.passed(this.items[this.index - 1]!)
    }
    if (this.rest.length === 0 && this.index === this.items.length) this.fill([])
    if (parts.length === 0) return undefined
    return parts.length === 1 ? parts[0] : Buffer.concat(parts, maxBytes - room)
  }

  private passed(item: Item) {
    if (item !== "heartbeat" && ExecutionEvent.isStored(item)) this.lastSeq = item.seq
  }
}
