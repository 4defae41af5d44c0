/**
 * Reads a streamed answer: decodes the network chunks, gathers the answer, and hands its text on
 * once per chunk.
 */
import type { Answer } from "@crewline/core/Llm"
import type { Accumulator } from "./Accumulator.ts"

/** Turns bytes into events, each given to the accumulator. */
export interface Decoder {
  readonly push: (chunk: Uint8Array) => void
  readonly end: () => void
}

/** To the end of the answer, not of the connection: a provider may keep that open. */
export const read = async (
  body: AsyncIterable<Uint8Array> | null,
  decoder: Decoder,
  accumulator: Accumulator<object>,
  onDelta: (delta: string) => void
): Promise<Answer> => {
  const hand = (): void => {
    const delta = accumulator.takeDelta()
    if (delta !== "") onDelta(delta)
  }
  if (body !== null) {
    for await (const chunk of body) {
      decoder.push(chunk)
      hand()
      if (accumulator.done) break
    }
  }
  decoder.end()
  accumulator.end()
  hand()
  return accumulator.finish()
}

/**
 * Whether a response is a stream of this type, and not all of the answer at once (some servers do
 * not stream).
 */
export const isStream = (response: Response, type: string): boolean =>
  response.headers.get("content-type")?.trimStart().toLowerCase().startsWith(type) === true

/** Delivers the text of a complete answer to a caller that expects a stream. */
export const handOver = (
  parts: ReadonlyArray<{ readonly type: string; readonly text?: unknown }>,
  onDelta: ((delta: string) => void) | undefined
): void => {
  if (onDelta === undefined) return
  for (const part of parts) if (part.type === "text" && typeof part.text === "string") onDelta(part.text)
}
