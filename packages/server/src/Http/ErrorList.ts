/**
 * Lists of request errors that are short enough to return: a body can contain more mistakes, and
 * longer names, than anyone reads. The answer stays under 64 kB whatever the body is.
 */
import type * as Problem from "../Api/Problem.ts"

export const maxErrors = 100
const maxBytes = 48_000
const maxMessage = 600
const maxName = 100

const clip = (text: string, max: number): string => (text.length <= max ? text : `${text.slice(0, max)}…`)

const short = ({ message, path, suggestion, ...error }: Problem.FieldError): Problem.FieldError => ({
  ...error,
  message: clip(message, maxMessage),
  path: path.slice(0, maxName).map((part) => (typeof part === "string" ? clip(part, maxName) : part)),
  ...(suggestion !== undefined && { suggestion: clip(suggestion, maxName) })
})

/**
 * The first of these errors, and a sentence or two about all of them; `more`: how many there are
 * besides.
 */
export const make = (
  all: ReadonlyArray<Problem.FieldError>,
  more = 0
): { readonly detail: string; readonly errors: ReadonlyArray<Problem.FieldError> } => {
  const errors: Array<Problem.FieldError> = []
  let bytes = 0
  for (const error of all.slice(0, maxErrors)) {
    const listed = short(error)
    bytes += Buffer.byteLength(JSON.stringify(listed))
    if (bytes > maxBytes) break
    errors.push(listed)
  }
  const shown = errors.slice(0, 3).map(({ message }) => message)
  const others = all.length - shown.length + more
  return { detail: [...shown, ...(others > 0 ? [`And ${others} more.`] : [])].join(" "), errors }
}
