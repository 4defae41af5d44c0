/**
 * The thread of the sandbox. `main` is run from its source text: nothing outside it is in scope.
 */

export interface Settings {
  /** The module of `quickjs-wasi`. */
  readonly url: string
  readonly module: object
  readonly code: string
  readonly maxBytes: number
}

export type Message =
  | { readonly _tag: "Log"; readonly text: string }
  | { readonly _tag: "Call"; readonly id: number; readonly name: string; readonly args: string }
  | { readonly _tag: "Returned"; readonly value: string }
  | { readonly _tag: "Threw"; readonly text: string; readonly isMemory: boolean }

export interface Reply {
  readonly id: number
  readonly isFailure: boolean
  /** Why the call failed, for programs. */
  readonly code?: string
  /** JSON of the result, or a message. */
  readonly value: string
}

/**
 * Runs the code, and sends how it ends. `load` imports a module: tools that transform this text
 * would replace `import` in it.
 */
export const main = async (load: (url: string) => Promise<typeof import("quickjs-wasi")>): Promise<void> => {
  const { parentPort, workerData } = process.getBuiltinModule("node:worker_threads")
  const { code, maxBytes, module, url } = workerData as Settings
  const maxValue = 1024 * 1024
  const send = (message: Message): void => parentPort!.postMessage(message)
  const threw = (text: string): void =>
    send({
      _tag: "Threw",
      text: text.slice(0, 4_000),
      isMemory: /out of memory|memory access out of bounds/.test(text)
    })
  try {
    const { QuickJS } = await load(url)
    // The types of WebAssembly come from the DOM library.
    const vm = await QuickJS.create({
      wasm: module as never,
      memoryLimit: maxBytes,
      maxStackSize: 256 * 1024,
      timezoneOffset: 0
    })
    const pending = new Map<number, ReturnType<typeof vm.newPromise>>()
    let next = 0
    let log = ""
    vm.setProp(
      vm.global,
      "__call",
      vm.newFunction("__call", (name, args) => {
        const id = next++
        const deferred = vm.newPromise()
        pending.set(id, deferred)
        send({ _tag: "Call", id, name: name!.toString(), args: args!.toString() })
        return deferred.handle
      })
    )
    vm.setProp(
      vm.global,
      "__log",
      vm.newFunction("__log", (line) => {
        if (log.length < 16_000) {
          const text = line!.toString()
          log += `${log === "" ? "" : "\n"}${text.length > 4_000 ? `${text.slice(0, 4_000)}…` : text}`
          send({ _tag: "Log", text: log })
        }
        return vm.undefined
      })
    )
    parentPort!.on("message", ({ code, id, isFailure, value }: Reply) => {
      const deferred = pending.get(id)
      pending.delete(id)
      if (deferred === undefined) return
      if (isFailure) {
        const error = vm.newError(new Error(value))
        if (code !== undefined) vm.setProp(error, "code", vm.newString(code))
        deferred.reject(error)
      } else deferred.resolve(vm.newString(value))
      vm.executePendingJobs()
    })
    // The functions that call the host are made inaccessible before the code starts.
    const prelude = `(() => {
      const { __call, __log } = globalThis
      delete globalThis.__call; delete globalThis.__log
      const { parse, stringify } = JSON
      const show = (value) => typeof value === "string" ? value : stringify(value) ?? String(value)
      const print = (...values) => void __log(values.map(show).join(" "))
      globalThis.console = Object.freeze({ log: print, info: print, warn: print, error: print, debug: print })
      globalThis.tool = async (name, args) => parse(await __call(String(name), stringify(args ?? {})))
      return (value) => typeof value === "string" ? value : stringify(value) ?? "undefined"
    })()`
    const finish = vm.evalCode(prelude, "prelude.js")
    vm.setProp(vm.global, "__finish", finish)
    const run = vm.evalCode(
      `(() => { const finish = globalThis.__finish; delete globalThis.__finish; return (async () => {\n${code}\n})().then(finish) })()`,
      "code.js"
    )
    vm.executePendingJobs()
    const result = await vm.resolvePromise(run)
    if ("error" in result) return threw(result.error.toString())
    const value = result.value.toString()
    if (value.length > maxValue) threw(`The code returned more than ${maxValue} characters: return less.`)
    else send({ _tag: "Returned", value })
  } catch (error) {
    threw(String(error))
  }
}
