import { connect } from "node:net"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Server from "./fake/Server.ts"

let server: Server.Running
beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server.stop())

/** The server's response to an upgrade request with this target; ends with the connection. */
const upgrade = (target: string, protocol: string) =>
  new Promise<string>((resolve, reject) => {
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1")
    let answer = ""
    socket.setTimeout(10_000, () => socket.destroy(new Error("no answer")))
    socket.on("data", (data) => (answer += String(data)))
    socket.on("error", reject)
    socket.on("close", () => resolve(answer))
    socket.write(
      `GET ${target} HTTP/1.1\r\nhost: localhost\r\nupgrade: ${protocol}\r\nsec-websocket-version: 13\r\n` +
        `connection: ${protocol === "websocket" ? "upgrade" : "upgrade, close"}\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`
    )
  })

describe("a request for an upgrade", { timeout: 60_000 }, () => {
  it.each(["//", "http://[", "//:0", "/api/v1/executions/x", "*"])(
    "of the target %s is refused, and nothing else happens",
    async (target) => {
      expect(await upgrade(target, "websocket")).toMatch(/^HTTP\/1\.1 404 /)
      expect((await Server.request(`${server.url}/health/live`)).status).toBe(200)
    }
  )

  it("to a protocol other than WebSocket is ignored", async () => {
    expect(await upgrade("/health/live", "h2c")).toMatch(/^HTTP\/1\.1 200 /)
  })
})
