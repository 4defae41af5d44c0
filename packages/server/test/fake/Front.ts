/**
 * One address that forwards to a changeable target: existing connections stay where they are, as
 * during a managed failover.
 */
import { connect, createServer, type Socket } from "node:net"

export interface Front {
  readonly port: number
  /** New connections are forwarded there; without a target they are closed. */
  readonly pointAt: (port: number) => void
  /** Closes every connection and accepts no new one. */
  readonly close: () => Promise<void>
}

export const open = (): Promise<Front> =>
  new Promise((resolve, reject) => {
    let target = 0
    const sockets = new Set<Socket>()
    const server = createServer((inner) => {
      const outer = connect(target, "127.0.0.1")
      for (const [from, to] of [
        [inner, outer],
        [outer, inner]
      ] as const) {
        sockets.add(from)
        from
          .on("error", () => to.destroy())
          .on("close", () => {
            sockets.delete(from)
            to.destroy()
          })
        from.pipe(to)
      }
    })
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      if (address === null || typeof address === "string") return reject(new Error("no port"))
      resolve({
        port: address.port,
        pointAt: (port) => (target = port),
        close: () =>
          new Promise((done) => {
            for (const socket of sockets) socket.destroy()
            server.close(() => done())
          })
      })
    })
  })
