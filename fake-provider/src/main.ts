/**
 * A scripted fake provider as a separate process, which survives the processes that tests kill and
 * whose work is not counted as theirs:
 *
 *     node fake-provider/src/main.ts --port 0 [--host address] [--latency ms] [--chunks n] [--chunk-delay ms] [--tools]
 *
 * The first line on stdout is `{"port":…,"url":…}`. Without `--chunk-delay` a stream is one write.
 */
import { parseArgs } from "node:util"
import * as FakeProvider from "./FakeProvider.ts"
import * as Scripted from "./Scripted.ts"

const { values: flags } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    host: { type: "string", default: "127.0.0.1" },
    latency: { type: "string", default: "0" },
    chunks: { type: "string", default: "20" },
    "chunk-delay": { type: "string" },
    tools: { type: "boolean", default: false }
  }
})

const handler = Scripted.make({
  latency: Number(flags.latency),
  chunks: Math.max(1, Number(flags.chunks)),
  ...(flags["chunk-delay"] !== undefined && { chunkDelay: Number(flags["chunk-delay"]) }),
  tools: flags.tools,
  open: () => provider.open()
})
const provider = await FakeProvider.start(handler, { port: Number(flags.port), host: flags.host, keep: false })
console.log(JSON.stringify({ port: provider.port, url: provider.baseURL }))
