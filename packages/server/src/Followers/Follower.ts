/**
 * One WebSocket that follows an execution, or reads the feed. It keeps a cursor, not a buffer:
 * events that it has not taken yet stay in the log.
 */
import type { Guarded } from "@crewline/core/Guarded"
import type { Duplex } from "node:stream"
import type { WebSocket } from "ws"

/** Codes that a socket is closed with. */
export const closeCodes = {
  /** `ExecutionEnded` was sent. */
  ended: 1000,
  /** Internal error of the server. */
  fault: 1011,
  /** The server restarts: connect again, with `after`. */
  restart: 1012,
  /**
   * `after` is not a seq of this execution, or not a cursor of the feed; or the query is invalid.
   */
  badAfter: 4400,
  /** The credential has expired or was revoked. */
  unauthenticated: 4401,
  /** There is no such execution. */
  unknown: 4404,
  /** The execution was deleted, or events of the feed after `after`. */
  gone: 4410,
  /** The client reads too slowly; the reason is the last seq, or cursor, that it was sent. */
  slow: 4408
} as const

export interface Limits {
  /** Unsent bytes above which transient deltas are dropped. */
  readonly deltaBytes: number
  /** Unsent bytes above which nothing more is written to the socket. */
  readonly storedBytes: number
  /** Milliseconds that a client may stay beyond `storedBytes` before it is closed. */
  readonly patienceMillis: number
}

export const defaultLimits: Limits = { deltaBytes: 256 * 1024, storedBytes: 1024 * 1024, patienceMillis: 10_000 }

export class Follower<Cursor extends number | string = number> {
  /** The last seq, or cursor of the feed, that was written to the socket. */
  cursor: Cursor
  /** A page of the log is being read for this follower. */
  isLoading = false
  /** Since when it has been beyond the limit; by the clock of `check`. */
  private blockedSince: number | undefined
  private isBlocked = false
  private isAlive = true
  private readonly webSocket: WebSocket
  private readonly socket: Duplex
  private readonly limits: Limits
  private readonly guarded: Guarded

  constructor(
    webSocket: WebSocket,
    socket: Duplex,
    options: { readonly after: Cursor; readonly limits: Limits; readonly guarded: Guarded }
  ) {
    this.webSocket = webSocket
    this.socket = socket
    this.cursor = options.after
    this.limits = options.limits
    this.guarded = options.guarded
    webSocket.on(
      "pong",
      this.guarded("Handling a sign of life from a client", () => {
        this.isAlive = true
      })
    )
  }

  get isOpen(): boolean {
    return this.webSocket.readyState === this.webSocket.OPEN
  }

  /** Calls back whenever the socket can take more. */
  onDrain(resume: () => void) {
    this.socket.on(
      "drain",
      this.guarded(
        "Sending a client more events",
        () => {
          if (this.hasRoom) resume()
        },
        () => this.webSocket.terminate()
      )
    )
  }

  onClose(closed: () => void) {
    this.webSocket.on("close", this.guarded("Handling the departure of a client", closed))
  }

  /** True when more stored events may be written to the socket. Records since when not. */
  get hasRoom(): boolean {
    this.isBlocked = this.socket.writableLength >= this.limits.storedBytes
    if (!this.isBlocked) this.blockedSince = undefined
    return !this.isBlocked
  }

  /** Stored events up to `to`. The caller has asked `hasRoom`. */
  send(frames: Buffer, to: Cursor) {
    if (!this.isOpen) return
    this.socket.write(frames)
    this.cursor = to
  }

  /** Stored events one by one, as far as there is room; `next` is the cursor after one more. */
  sendEach(frames: ReadonlyArray<Buffer>, next: (cursor: Cursor) => Cursor) {
    // One system call for all of them instead of one each.
    this.socket.cork()
    for (const frame of frames) {
      if (!this.isOpen || !this.hasRoom) break
      this.socket.write(frame)
      this.cursor = next(this.cursor)
    }
    this.socket.uncork()
  }

  /** Passing deltas, which are dropped when the client is behind. */
  sendDeltas(frames: Buffer) {
    if (this.isOpen && this.socket.writableLength < this.limits.deltaBytes) this.socket.write(frames)
  }

  close(code: number, reason: string) {
    this.webSocket.close(code, reason)
  }

  /** Closes a client that has not read for too long. `now` in milliseconds, of any one clock. */
  check(now: number) {
    if (!this.isOpen || this.hasRoom) return
    this.blockedSince ??= now
    if (now - this.blockedSince >= this.limits.patienceMillis) this.close(closeCodes.slow, String(this.cursor))
  }

  /** Sends a ping; a client that has not answered the previous one is dead. */
  ping() {
    if (!this.isAlive) return this.webSocket.terminate()
    this.isAlive = false
    if (this.isOpen) this.webSocket.ping()
  }
}
