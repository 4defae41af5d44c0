/**
 * Events as the text of server-sent events, cut into pieces of bounded size: an event is encoded
 * when its turn comes, and at most one is kept encoded. A piece may end in the middle of an event.
 */

/** How items are written. */
export interface Format<A> {
  /** Empty: nothing is sent of it. */
  readonly encode: (item: A) => string
  /** The id with which a client resumes after the item; `undefined`: unchanged. */
  readonly idOf: (item: A) => string | undefined
}

/** Bytes of a piece, at most. */
const maxBytes = 64 * 1024

export class EventPieces<A> {
  /** The id of the last item of which every byte was taken. */
  lastId: string
  private items: ReadonlyArray<A> = []
  private index = 0
  /** The rest of the item before `index`. */
  private rest: Buffer = Buffer.alloc(0)
  private readonly format: Format<A>

  constructor(format: Format<A>, after: string) {
    this.format = format
    this.lastId = after
  }

  /** More items; all earlier ones were taken. */
  fill(items: ReadonlyArray<A>) {
    this.items = items
    this.index = 0
  }

  /** The next piece; undefined when all items were taken. */
  take(): Buffer | undefined {
    const parts: Array<Buffer> = []
    let room = maxBytes
    while (room > 0 && (this.rest.length > 0 || this.index < this.items.length)) {
      if (this.rest.length === 0) this.rest = Buffer.from(this.format.encode(this.items[this.index++]!))
      const part = this.rest.subarray(0, room)
      this.rest = this.rest.subarray(part.length)
      room -= part.length
      if (part.length > 0) parts.push(part)
      if (this.rest.length === 0) this.lastId = this.format.idOf(this.items[this.index - 1]!) ?? this.lastId
    }
    if (this.rest.length === 0 && this.index === this.items.length) this.fill([])
    if (parts.length === 0) return undefined
    return parts.length === 1 ? parts[0] : Buffer.concat(parts, maxBytes - room)
  }
}
