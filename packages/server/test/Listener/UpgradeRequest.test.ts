import { createServer } from "node:http"
import { type AddressInfo, connect } from "node:net"
import { text } from "node:stream/consumers"
import { expect, it } from "vitest"
import * as UpgradeRequest from "../../src/Listener/UpgradeRequest.ts"

it("an ignored upgrade leaves the request, its body and the connection intact", { timeout: 20_000 }, async () => {
  // As on a Node version without `shouldUpgradeCallback`.
  const server = createServer((request, response) => {
    const { headers, method, url } = request
    const seen = { method, url, upgrade: headers.upgrade, own: headers["x-own"] }
    void text(request).then((body) => response.end(JSON.stringify({ ...seen, body })))
  })
  server.on("upgrade", (request, socket, head) => UpgradeRequest.ignore(server, request, socket, head))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1")
  const upgrade = "host: localhost\r\nx-own: \u00e9\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n"
  let said = ""
  try {
    await new Promise<void>((resolve, reject) => {
      socket.on("error", reject)
      socket.on("close", resolve)
      socket.on("data", (data) => {
        // The rest of the body, and a second request, come later.
        if (said === "") {
          socket.write(`GET /second HTTP/1.1\r\n${upgrade}connection: Upgrade, HTTP2-Settings, close\r\n\r\n`, "latin1")
        }
        said += String(data)
      })
      socket.write(
        `POST /first?a=b HTTP/1.1\r\n${upgrade}connection: Upgrade, HTTP2-Settings\r\ncontent-length: 9\r\n\r\nhalf`,
        "latin1"
      )
      setTimeout(() => socket.write(" more"), 50)
    })
  } finally {
    socket.destroy()
    server.close()
  }
  expect(Array.from(said.matchAll(/^\{.*\}/gm), ([line]) => JSON.parse(line))).toEqual([
    { method: "POST", url: "/first?a=b", own: "\u00e9", body: "half more" },
    { method: "GET", url: "/second", own: "\u00e9", body: "" }
  ])
})
