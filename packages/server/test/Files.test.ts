/** Files of executions over HTTP: what a start brings, what tasks write, and what is refused. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Effect from "effect/Effect"
import * as Server from "./fake/Server.ts"

/** Tests look into bodies of every form, and fail when they are of another. */
// oxlint-disable-next-line typescript/no-explicit-any
const json = (response: Response): Promise<any> => response.json()

describe("files of an execution", () => {
  let server: Server.Running
  const shown: Array<string> = []
  beforeAll(async () => {
    server = await Server.start({
      maxTotalBytes: 1_000,
      answer: (request) => {
        shown.push(JSON.stringify(request.messages))
        return Effect.succeed("# Report")
      }
    })
  }, 60_000)
  afterAll(() => server.stop(), 60_000)

  const crew = {
    name: "files",
    agents: { a: { role: "r", goal: "g" } },
    tasks: {
      only: {
        description: "Report.",
        expectedOutput: "text",
        outputFile: "out/report.md",
        attachments: [{ file: "data/numbers.csv" }]
      }
    }
  }
  const api = (path: string) => `${server.url}/api/v1/executions${path}`
  const ended = async (id: string) => {
    for (;;) {
      const { body } = await Server.request(api(`/${id}`))
      if (body.endedAt !== undefined) return body
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  const put = (id: string, path: string, body: string) =>
    fetch(api(`/${id}/files/${path}`), { method: "PUT", body, headers: { "content-type": "text/csv" } })

  it("are sent with the start, read and written by tasks, listed and downloaded", async () => {
    const started = await Server.request(api(""), {
      body: { crew, files: { "data/numbers.csv": "a,b\n1,2\n", "logo.bin": { base64: "AAH/" } } }
    })
    expect(started.status).toBe(202)
    const { id } = started.body
    expect(await ended(id)).toMatchObject({ status: "completed" })
    expect(shown.at(-1)).toContain("1,2")
    const list = await Server.request(api(`/${id}/files`))
    expect(list.body.items.map(({ path, size }: { path: string; size: number }) => [path, size])).toEqual([
      ["data/numbers.csv", 8],
      ["logo.bin", 3],
      ["out/report.md", 8]
    ])
    const report = await fetch(api(`/${id}/files/out/report.md`))
    expect(report.headers.get("content-disposition")).toBe("attachment; filename*=UTF-8''report.md")
    expect(report.headers.get("content-type")).toBe("application/octet-stream")
    expect(await report.text()).toBe("# Report")
    expect(new Uint8Array(await (await fetch(api(`/${id}/files/logo.bin`))).arrayBuffer())).toEqual(
      new Uint8Array([0, 1, 255])
    )

    const written = await put(id, "notes/%C3%A4.txt", "hello")
    expect([written.status, await json(written)]).toMatchObject([200, { path: "notes/ä.txt", size: 5 }])
    expect((await Server.request(api(`/${id}/files/notes/ä.txt`), { method: "DELETE" })).status).toBe(204)
    expect((await Server.request(api(`/${id}/files/notes/ä.txt`))).body).toMatchObject({
      code: "not-found",
      resource: "file"
    })

    // Files go with their execution.
    expect((await Server.request(api(`/${id}`), { method: "DELETE" })).status).toBe(204)
    expect((await Server.request(api(`/${id}/files/out/report.md`))).status).toBe(410)
  })

  it("can be sent as parts of a form; repeating the start returns the first execution", async () => {
    const send = async (content: string) => {
      const form = new FormData()
      form.set("start", JSON.stringify({ crew }))
      form.set("files", new Blob([content]), "data/numbers.csv")
      const response = await fetch(api(""), { method: "POST", body: form, headers: { "idempotency-key": "form" } })
      return { status: response.status, body: await json(response) }
    }
    const first = await send("3,4")
    expect(first).toMatchObject({ status: 202 })
    expect(await ended(first.body.id)).toMatchObject({ status: "completed" })
    expect((await send("3,4")).body.id).toBe(first.body.id)
    expect((await send("5,6")).body).toMatchObject({ code: "idempotency-key-reused" })
    expect(await (await fetch(api(`/${first.body.id}/files/data/numbers.csv`))).text()).toBe("3,4")
  })

  it("are refused outside the workspace, over the quota, and for unknown executions", async () => {
    const refused = await Server.request(api(""), { body: { crew, files: { "../x": "1" } } })
    expect([refused.status, refused.body.code]).toEqual([422, "path-refused"])
    const { body } = await Server.request(api(""), { body: { crew, files: { "data/numbers.csv": "1" } } })
    for (const path of ["..%2fx", "a%2f..%2f..%2fx", "%2fetc%2fpasswd", "a%5c..%5c..%5cx"]) {
      const response = await put(body.id, path, "x")
      expect([path, response.status, (await json(response)).code]).toEqual([path, 422, "path-refused"])
    }
    const large = await put(body.id, "large.txt", "x".repeat(1_001))
    expect([large.status, (await json(large)).code]).toEqual([422, "quota-exceeded"])
    expect((await put("exec_unknown", "x", "x")).status).toBe(404)
    const form = new FormData()
    form.set("files", new Blob(["x"]), "x")
    const without = await fetch(api(""), { method: "POST", body: form })
    expect([without.status, (await json(without)).code]).toEqual([400, "invalid-request"])
  })
})
