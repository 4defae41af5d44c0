/** Decodes response bodies as text, according to their content type. */
import type * as Schema from "effect/Schema"

/** Without parameters, in lower case. */
export const typeOf = (contentType: string | null): string => (contentType ?? "").split(";")[0]!.trim().toLowerCase()

const textual = /^(?:text\/.*|application\/(?:.*\+)?(?:json|xml|yaml|javascript|x-ndjson|graphql)|image\/svg\+xml|)$/

/** The text of a body; `undefined`: it is not text. */
export const textOf = (contentType: string | null, body: Uint8Array): string | undefined => {
  if (!textual.test(typeOf(contentType)) || body.subarray(0, 1_024).includes(0)) return undefined
  return decoderOf(contentType, body).decode(body)
}

/**
 * The encoding declared by the header, by a byte order mark, or by the document itself; otherwise
 * UTF-8.
 */
const decoderOf = (contentType: string | null, body: Uint8Array) => {
  const named = /charset\s*=\s*"?([\w-]+)/i
  const label =
    named.exec(contentType ?? "")?.[1] ?? named.exec(Buffer.from(body.subarray(0, 1_024)).toString("latin1"))?.[1]
  try {
    return new TextDecoder(label ?? "utf-8")
  } catch {
    // An unknown label.
    return new TextDecoder()
  }
}

/** The value of a whole JSON document. */
export const jsonOf = (contentType: string | null, text: string, isCut: boolean): Schema.Json | undefined => {
  if (isCut || !/[/+]json$/.test(typeOf(contentType))) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
