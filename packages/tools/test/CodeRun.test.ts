import { ToolContext } from "@crewline/core/testing"
import { ToolFailed } from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import * as CodeRun from "../src/CodeRun.ts"
import * as World from "./World.ts"

const called: Array<string> = []
const call = (name: string, args: Schema.JsonObject) =>
  Effect.sync((): Schema.Json => {
    called.push(name)
    return { name, sum: Number(args["a"]) + Number(args["b"]) }
  })
const tool = CodeRun.make({ timeoutMillis: 20_000 })
const hasty = CodeRun.make({ timeoutMillis: 700, maxMemory: 32 })

const run = (code: string) => World.call(tool, { code }, { ...ToolContext.make(), call })
const runHasty = (code: string) => World.call(hasty, { code }, ToolContext.make())

describe("code_run", () => {
  it("returns values as JSON and text unchanged, preceded by the logged lines", async () => {
    expect(await run("return 6 * 7")).toBe("42")
    expect(await run("return 'plain'")).toBe("plain")
    expect(await run("console.log('a', { b: 1 }); return [1, undefined, 2n ** 3n === 8n]")).toBe(
      'a {"b":1}\n[1,null,true]'
    )
    expect(await run("const x = 1")).toBe("undefined")
  })

  it("throws the failure of a call in the code, with its code", async () => {
    const denied = () => Effect.fail(new ToolFailed({ message: "No.", code: "policy-denied" }))
    const asked = { code: "return tool('add', {}).catch((error) => [error.message, error.code])" }
    const context = { ...ToolContext.make(), call: denied }
    expect(await World.call(CodeRun.make(), asked, context)).toBe('["No.","policy-denied"]')
    const uncaught = { code: "await tool('add', {}); return 1" }
    expect(await World.call(CodeRun.make(), uncaught, context)).toMatch(/^ToolFailed code-failed: .*No\./)
  })

  it("stops at 100 calls, and counts their time", async () => {
    called.length = 0
    const many =
      "let n = 0; try { for (;;) { await tool('add', {}); n++ } } catch (error) { return [n, error.message] }"
    expect(await run(many)).toMatch(/^\[100,".*more than 100 (?:tool )?calls/)
    expect(called.length).toBe(100)
    called.length = 0
    let isStopped = false
    const endless = () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (isStopped = true)))
    const context = { ...ToolContext.make(), call: endless }
    expect(await World.call(hasty, { code: "await tool('add', {})" }, context)).toMatch(/^ToolFailed timeout/)
    expect(isStopped).toBe(true)
  })

  it("calls tools, several at once", async () => {
    const code =
      "const all = await Promise.all([1, 2].map((n) => tool('add', { a: n, b: 1 }))); return all.map((each) => each.sum)"
    expect(await run(code)).toBe("[2,3]")
    expect(called).toEqual(["add", "add"])
    const alone = { code: "return tool('add', {}).catch((error) => error.message)" }
    expect(await World.call(CodeRun.make(), alone, ToolContext.make())).toMatch(/cannot call tools here/)
  })

  it("reports the error that the code threw", async () => {
    expect(await run("throw new Error('no such thing')")).toMatch(/^ToolFailed code-failed: .*no such thing/)
    expect(await run("return (")).toMatch(/^ToolFailed code-failed: SyntaxError/)
  })

  it("stops when its caller is interrupted", async () => {
    const controller = new AbortController()
    const running = Effect.runPromiseExit(tool.execute({ code: "for (;;);" }, ToolContext.make()), {
      signal: controller.signal
    })
    setTimeout(() => controller.abort(), 100)
    expect((await running)._tag).toBe("Failure")
  })
})

describe("attacks on the sandbox", () => {
  it.each([
    [
      "globals of the host",
      "return [typeof process, typeof require, typeof fetch, typeof WebAssembly, typeof setTimeout, typeof Buffer].join()",
      /^(undefined,?)+$/
    ],
    [
      "functions that talk to the host",
      "return [typeof __call, typeof __log, typeof __finish].join()",
      /^undefined,undefined,undefined$/
    ],
    ["constructor of a function", "return (() => {}).constructor('return typeof process')()", /^undefined$/],
    [
      "constructor of an async generator",
      "return (async function* () {}).constructor('return this')().constructor.name",
      /^\w*$/
    ],
    ["import of a module", "return await import('node:fs')", /^ToolFailed code-failed/],
    [
      "prototype pollution",
      "Object.prototype.polluted = 1; Array.prototype.map = null; return { a: 1 }",
      /^\{"a":1\}$/
    ],
    ["a changed JSON", "JSON.stringify = () => 'hacked'; return { a: 1 }", /^\{"a":1\}$/],
    ["a changed then", "Promise.prototype.then = () => 'hacked'; return { a: 1 }", /./],
    [
      "arguments with __proto__",
      "return await tool('add', JSON.parse('{\"__proto__\": {\"a\": 1}}'))",
      /^\{"name":"add","sum":null\}$/
    ],
    ["arguments that are no JSON", "return await tool('add', () => 1).catch(String)", /must be an object/],
    ["deep recursion", "const f = () => f() + 1; return f()", /^ToolFailed code-failed/],
    ["a result that contains itself", "const a = {}; a.a = a; return a", /^ToolFailed code-failed/],
    ["a large result", "return 'y'.repeat(3e6)", /^ToolFailed code-failed: .*more than 1048576/]
  ])("%s", async (_, code, expected) => {
    expect(await run(code)).toMatch(expected)
    expect(({} as { readonly polluted?: number }).polluted).toBeUndefined()
  })

  it.each([
    ["busy loop", "for (;;);"],
    ["loop of promises", "const f = () => void Promise.resolve().then(f); f(); await new Promise(() => {})"],
    ["a promise that never settles", "await new Promise(() => {})"],
    [
      "native sort",
      "const a = new Float64Array(2e6).map((_, i) => (i * 7919) % 1000003); for (;;) { a.reverse(); a.sort() }"
    ],
    ["regular expression", "return /^(a+)+$/.test('a'.repeat(40) + '!')"],
    ["native search in text", "const s = 'a'.repeat(1e7) + 'b'; for (;;) s.indexOf('ab'.repeat(100) + 'c')"]
  ])("stops a %s", async (_, code) => {
    expect(await runHasty(code)).toMatch(/^ToolFailed timeout: .*did not finish within 0\.7 s/)
  })

  it.each([
    ["arrays", "const a = []; for (;;) a.push(new Uint8Array(1e6).fill(1))"],
    ["caught errors", "const a = []; for (;;) try { a.push('x'.repeat(1e6) + a.length) } catch {}"],
    ["native join", "return Array(1e9).join('x').length"],
    ["native repeat", "return 'a'.repeat(2 ** 30 - 1).length"],
    ["growing numbers", "let x = 3n; for (;;) x = x * x"],
    ["nested JSON", "return JSON.parse('['.repeat(5e6)).length"]
  ])("limits the memory of %s", async (_, code) => {
    const before = process.memoryUsage().rss
    expect(await runHasty(code)).toMatch(/^ToolFailed (?:memory-exceeded|timeout|code-failed): /)
    expect(process.memoryUsage().rss - before).toBeLessThan(160 * 1024 * 1024)
  })
})
