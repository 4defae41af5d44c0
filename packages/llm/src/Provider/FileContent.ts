/**
 * The content of a file in a prompt: a URL, or bytes in one of the forms that prompts have before
 * and after they were stored.
 */
import type * as Prompt from "effect/ai/Prompt"

type Data = Prompt.FilePartEncoded["data"]

/**
 * Where the file is, when it is given as a URL (`data:` URLs are left to those who can read them:
 * see `inlined`).
 */
export const urlOf = (data: Data): string | undefined => {
  if (data instanceof URL) return data.href
  if (typeof data === "string") return /^(https?|data):/.test(data) ? data : undefined
  return "_tag" in data && data._tag === "URL" ? data.href : undefined
}

/** The bytes of a file that is not given as a URL, in base64. */
export const base64Of = (data: Data): string => {
  if (typeof data === "string") return data
  if (data instanceof Uint8Array) return Buffer.from(data).toString("base64")
  return "_tag" in data && data._tag === "Uint8Array" ? data.base64 : ""
}

/** The file with what a `data:` URL holds instead of that URL. */
export const inlined = (part: Prompt.FilePartEncoded): Prompt.FilePartEncoded => {
  const [, type, base64, content] = /^data:([^;,]*)[^,]*?(;base64)?,([^]*)$/.exec(urlOf(part.data) ?? "") ?? []
  if (content === undefined) return part
  const data = base64 === undefined ? Buffer.from(decodeURIComponent(content)).toString("base64") : content
  return { ...part, data, mediaType: type === undefined || type === "" ? part.mediaType : type }
}

/** The type of an image. `image/*` says that nobody looked: most pictures are JPEG. */
export const imageType = (mediaType: string): string => (mediaType === "image/*" ? "image/jpeg" : mediaType)
