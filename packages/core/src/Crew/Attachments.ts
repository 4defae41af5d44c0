/**
 * What a task's agent is shown besides text: whether an attachment can be used. Pure: neither file
 * nor address is opened.
 */
import type { Attachment } from "../Task.ts"
import * as Placeholder from "./Placeholder.ts"
import type { Problem } from "./Problem.ts"
import { alwaysOutside, outsideWorkspace } from "./WorkspacePath.ts"

/** The media types of well-known names. */
const mediaTypes: { readonly [extension: string]: string } = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  pdf: "application/pdf",
  wav: "audio/wav",
  mp3: "audio/mpeg",
  txt: "text/plain",
  log: "text/plain",
  md: "text/markdown",
  csv: "text/csv",
  tsv: "text/tab-separated-values",
  html: "text/html",
  json: "application/json",
  xml: "application/xml",
  yaml: "application/yaml",
  yml: "application/yaml"
}

/**
 * The most that a crew itself may hold of a file, in bytes: it goes to the log with every start.
 */
export const maxInlineBytes = 64 * 1024

const dataUrl = /^data:([a-z]+\/[a-z0-9.+-]+)(?:;[a-z0-9-]+=[^;,]*)*;base64,([A-Za-z0-9+/]*={0,2})$/i

/** The declared media type, or the one implied by the source. */
export const mediaTypeOf = ({ file, mediaType, url }: Attachment): string | undefined => {
  if (mediaType !== undefined) return mediaType.toLowerCase()
  if (url !== undefined && /^data:/i.test(url)) return dataUrl.exec(url)?.[1]?.toLowerCase()
  const name = file ?? url?.split(/[?#]/, 1)[0] ?? ""
  const extension = /\.([A-Za-z0-9]+)$/.exec(name)?.[1]?.toLowerCase()
  return extension === undefined || !Object.hasOwn(mediaTypes, extension) ? undefined : mediaTypes[extension]
}

/** One problem: its key, and the rest of the sentence about it. */
export interface Wrong {
  readonly code: Problem["code"]
  readonly key: ReadonlyArray<string>
  readonly wrong: string
}

const isConstant = (text: string): boolean => Placeholder.isConstant(Placeholder.parse(text))

/**
 * Problems of an attachment. Texts with placeholders are checked once these are filled; inputs may
 * contain braces.
 */
export const problems = (attachment: Attachment, isFilled = false): ReadonlyArray<Wrong> => {
  const { file, url } = attachment
  if ((file === undefined) === (url === undefined)) {
    return [{ code: "invalid-value", key: [], wrong: "must have exactly one of file and url" }]
  }
  if (file !== undefined) {
    const outside = isFilled ? outsideWorkspace(file) : alwaysOutside(file)
    if (outside !== undefined) return [{ code: "attachment-outside-workspace", key: ["file"], wrong: outside }]
  }
  if (!isFilled && !isConstant(file ?? url!)) return []
  if (url !== undefined) {
    const wrong = wrongUrl(url)
    if (wrong !== undefined) return [{ code: "invalid-value", key: ["url"], wrong }]
  }
  return mediaTypeOf(attachment) === undefined
    ? [
        {
          code: "missing-key",
          key: ["mediaType"],
          wrong: "is missing: the file name does not determine the media type"
        }
      ]
    : []
}

const wrongUrl = (url: string): string | undefined => {
  if (/^https?:\/\//i.test(url)) return URL.canParse(url) ? undefined : "must be an http or https URL"
  if (!/^data:/i.test(url)) return "must be an http or https URL or a data URL"
  const content = dataUrl.exec(url)?.[2]
  if (content === undefined || content.length % 4 !== 0)
    return "must be a base64 data URL, for example data:image/png;base64,…"
  const bytes = Math.floor((content.length * 3) / 4)
  return bytes <= maxInlineBytes
    ? undefined
    : `has ${Math.ceil(bytes / 1024)} KB, but an inline file may have at most ${maxInlineBytes / 1024} KB: put it in the workspace and refer to it with file`
}
