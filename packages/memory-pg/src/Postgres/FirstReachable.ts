/** A connection to the first of several hosts that accepts it and is suitable. */
import { connect, type Socket } from "node:net"
import { Duplex } from "node:stream"
import type { Target } from "../PostgresUrl.ts"

export interface Options {
  /** The connection does not keep the process alive. */
  readonly unref?: boolean
  /** Whether a host is acceptable; default: any. It does not reject. */
  readonly accepts?: ((target: Target) => Promise<boolean>) | undefined
}

export class FirstReachable extends Duplex {
  readonly #targets: ReadonlyArray<Target>
  readonly #unref: boolean
  readonly #accepts: Options["accepts"]
  #socket: Socket | undefined

  constructor(targets: ReadonlyArray<Target>, { accepts, unref = false }: Options = {}) {
    super()
    this.#targets = targets
    this.#unref = unref
    this.#accepts = accepts
  }

  override _construct(done: (error?: Error | null) => void): void {
    const attempt = (index: number, last?: Error): void => {
      const target = this.#targets[index]
      if (target === undefined) return done(last ?? new Error("No host is named."))
      if (this.destroyed) return done()
      if (this.#accepts === undefined) return open(target, index)
      void this.#accepts(target).then((isAccepted) =>
        isAccepted
          ? open(target, index)
          : attempt(index + 1, new Error("No reachable host accepts writes (target_session_attrs)."))
      )
    }
    const open = (target: Target, index: number): void => {
      if (this.destroyed) return done()
      const socket = target.path === undefined ? connect(target.port, target.host) : connect(target.path)
      this.#socket = socket
      const failed = (error: Error): void => {
        socket.destroy()
        attempt(index + 1, error)
      }
      socket.once("error", failed)
      socket.once("connect", () => {
        socket.off("error", failed)
        socket.setNoDelay(true)
        if (this.#unref) socket.unref()
        socket.on("error", (error) => this.destroy(error))
        socket.on("data", (chunk) => {
          if (!this.push(chunk)) socket.pause()
        })
        socket.on("end", () => this.push(null))
        socket.on("close", () => this.destroy())
        done()
      })
    }
    attempt(0)
  }

  override _read(): void {
    this.#socket?.resume()
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket?.write(chunk, encoding, done)
  }

  override _final(done: () => void): void {
    this.#socket?.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket?.destroy()
    done(error)
  }
}
