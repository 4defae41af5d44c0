/**
 * Puts the tool calls of an answer together from their pieces. Servers number pieces in many ways:
 * every parallel call 0, not at all, an id with every piece or with none, a name twice or in
 * halves, arguments as text, as an object, or all of them again. Two calls are never made one, and
 * one never two.
 */
import * as ProviderJson from "../Provider/Json.ts"
import * as Opaque from "./Opaque.ts"

/** A piece, or a whole call; nothing is taken for granted. */
export interface Piece {
  readonly index?: unknown
  readonly id?: unknown
  readonly function?: unknown
  readonly [field: string]: unknown
}

interface Fields {
  readonly name?: unknown
  readonly arguments?: unknown
  readonly [field: string]: unknown
}

/** A call as far as it has come. */
export interface Call {
  id: string
  name: string
  /** JSON, as the model wrote it. */
  arguments: string
  /** What the server sent beside it, which goes back there. */
  opaque: Opaque.Fields | undefined
  ofFunction: Opaque.Fields | undefined
}

interface Growing extends Call {
  readonly index: number | undefined
  /** The last piece of the arguments. */
  last: string
}

const known = new Set(["index", "id", "type", "function", "name", "arguments", "parameters", "input", "args"])
const knownOfFunction = new Set(["name", "arguments", "parameters", "input", "args", "description", "strict"])

export class CallPieces {
  readonly #calls: Array<Growing> = []
  readonly #isTool: (name: string) => boolean

  /** `isTool`: whether there is a tool of this name, which tells half a name from a whole one. */
  constructor(isTool: (name: string) => boolean) {
    this.#isTool = isTool
  }

  /** Whether all arguments of a call have arrived. */
  static isWhole({ arguments: text }: Call): boolean {
    return text.trim() === "" || isWhole(text)
  }

  /** All calls of one event, or of a whole answer. */
  add(pieces: unknown): void {
    if (!Array.isArray(pieces)) {
      if (typeof pieces === "object" && pieces !== null) this.add([pieces])
      return
    }
    const before = new Set<Growing>()
    for (const piece of pieces) {
      if (typeof piece !== "object" || piece === null) continue
      before.add(this.#add(piece, before))
    }
  }

  /** The calls; one without a name is for the caller to refuse. */
  calls(): ReadonlyArray<Call> {
    for (const call of this.#calls) {
      // All arguments were sent again with the last piece.
      if (call.last !== call.arguments && !isWhole(call.arguments) && isWhole(call.last)) call.arguments = call.last
    }
    return this.#calls
  }

  #add(piece: Piece, before: ReadonlySet<Growing>): Growing {
    const { function: given } = piece
    const fields: Fields = typeof given === "object" && given !== null ? (given as Fields) : piece
    const id = textOf(piece.id)
    const name = textOf(fields.name)
    const index = ProviderJson.countOf(piece.index)
    let call = this.#find({ id, name, index }, before)
    if (call === undefined) {
      call = { index, id, name, arguments: "", last: "", opaque: undefined, ofFunction: undefined }
      this.#calls.push(call)
    } else {
      if (call.id === "") call.id = id
      call.name = this.#joined(call.name, name)
    }
    this.#extend(call, fields.arguments ?? fields["parameters"] ?? fields["input"] ?? fields["args"])
    call.opaque = Opaque.gather(call.opaque, piece, known)
    if (fields !== piece) call.ofFunction = Opaque.gather(call.ofFunction, fields, knownOfFunction)
    return call
  }

  /** The call that a piece belongs to; undefined: it begins one. */
  #find(
    { id, index, name }: { readonly id: string; readonly name: string; readonly index: number | undefined },
    before: ReadonlySet<Growing>
  ): Growing | undefined {
    const last = index === undefined ? this.#calls.at(-1) : this.#calls.findLast((call) => call.index === index)
    if (id !== "") {
      const same = this.#calls.findLast((call) => call.id === id)
      if (same !== undefined && (index === undefined || same.index === undefined || same.index === index)) {
        return this.#begins(same, name, before) ? undefined : same
      }
      if (last === undefined) return undefined
      // An id may follow its call; and some servers make up another one for every piece.
      if (last.id !== "" && (name !== "" || isComplete(last))) return undefined
      return this.#begins(last, name, before) ? undefined : last
    }
    return last !== undefined && this.#begins(last, name, before) ? undefined : last
  }

  /** Whether a piece with this name, which could belong to the call, begins another one. */
  #begins(call: Growing, name: string, before: ReadonlySet<Growing>): boolean {
    if (before.has(call)) return true
    if (name === "") return false
    if (isComplete(call)) return true
    return call.arguments === "" && name !== call.name && this.#isTool(call.name) && !this.#isTool(call.name + name)
  }

  /** The name, which some servers send again with every piece, and some in halves. */
  #joined(before: string, name: string): string {
    if (before === "" || name === "" || name === before) return before === "" ? name : before
    if (this.#isTool(before)) return this.#isTool(name) && name.startsWith(before) ? name : before
    return name.startsWith(before) ? name : before + name
  }

  #extend(call: Growing, given: unknown): void {
    if (given == null) return
    if (typeof given === "string") {
      call.arguments += given
      call.last = given
      return
    }
    // What comes as an object comes whole.
    call.arguments = JSON.stringify(given)
    call.last = call.arguments
  }
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "")

/** Whether arguments are a whole object, or the text of one. */
const isWhole = (text: string): boolean => {
  if (!/["}]\s*$/.test(text.slice(-8))) return false
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === "object" || (typeof parsed === "string" && isWhole(parsed))
  } catch {
    return false
  }
}

/** Whether all arguments have come, once or, as some servers do it, once more at the end. */
const isComplete = ({ arguments: text, last }: Growing): boolean =>
  isWhole(text) || (last !== text && text.startsWith(last) && isWhole(last))
