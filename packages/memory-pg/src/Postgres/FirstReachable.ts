/** A connection to the first of several hosts that accepts one. */
import { connect, type Socket } from "node:net"
import { Duplex } from "node:stream"
import type { Target } from "../PostgresUrl.ts"

export class FirstReachable extends Duplex {
  readonly #targets: ReadonlyArray<Target>
  readonly #unref: boolean
  #socket: Socket | undefined

  /** `unref`: the connection does not keep the process alive. */
  constructor(targets: ReadonlyArray<Target>, { unref = false }: { readonly unref?: boolean } = {}) {
    super()
    this.#targets = targets
    this.#unref = unref
  }

  override _construct(done: (error?: Error | null) => void): void {
    const attempt = (index: number, last?: Error): void => {
      const target = this.#targets[index]
      if (target === undefined) return done(last ?? new Error("No host is named."))
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
