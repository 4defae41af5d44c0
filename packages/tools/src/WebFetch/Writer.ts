/** Writes Markdown piece by piece, each with its position in the page. */

export interface Place {
  readonly isBeside: boolean
  readonly isMain: boolean
}

interface Piece extends Place {
  readonly text: string
}

const blocks = new Set(
  "address article blockquote dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section summary table tbody td tfoot th thead tr ul".split(
    " "
  )
)
const maxLevels = 10

export class Writer {
  readonly #url: URL
  readonly #pieces: Array<Piece> = []
  readonly #lists: Array<{ readonly isOrdered: boolean; count: number }> = []
  readonly #links: Array<string | undefined> = []
  #place: Place = { isBeside: false, isMain: false }
  #preformatted = 0
  #cells = 0
  #isHeaderRow = false

  constructor(url: URL) {
    this.#url = url
  }

  place(place: Place): void {
    this.#place = place
  }

  text(text: string): void {
    this.#add(this.#preformatted > 0 ? text : text.replace(/\s+/g, " "))
  }

  open(name: string, attributes: { readonly [name: string]: string }): void {
    // A nested list starts on the next line.
    const isNested = (name === "ul" || name === "ol") && this.#lists.length > 0
    if (blocks.has(name) && !isNested)
      this.#add(name === "li" || name === "tr" ? "\n" : name === "td" || name === "th" ? "" : "\n\n")
    const level = /^h([1-6])$/.exec(name)?.[1]
    if (level !== undefined) return this.#add(`${"#".repeat(Number(level))} `)
    switch (name) {
      case "ul":
      case "ol": {
        this.#lists.push({ isOrdered: name === "ol", count: 0 })
        return
      }
      case "li": {
        const list = this.#lists.at(-1)
        const indent = "  ".repeat(Math.min(maxLevels, Math.max(0, this.#lists.length - 1)))
        return this.#add(list?.isOrdered === true ? `${indent}${++list.count}. ` : `${indent}- `)
      }
      case "a": {
        const href = this.#absolute(attributes["href"])
        this.#links.push(href)
        return this.#add(href === undefined ? "" : "[")
      }
      case "img": {
        const { alt = "" } = attributes
        return this.#add(alt.trim() === "" ? "" : `![${alt.replace(/\s+/g, " ").trim()}]`)
      }
      case "br":
        return this.#add("\n")
      case "hr":
        return this.#add("---\n\n")
      case "blockquote":
        return this.#add("> ")
      case "pre": {
        this.#preformatted++
        return this.#add("```\n")
      }
      case "code":
        return this.#add(this.#preformatted > 0 ? "" : "`")
      case "tr": {
        this.#cells = 0
        this.#isHeaderRow = false
        return this.#add("| ")
      }
      case "th": {
        this.#isHeaderRow = true
        this.#cells++
        return
      }
      case "td":
        this.#cells++
    }
  }

  close(name: string): void {
    switch (name) {
      case "ul":
      case "ol": {
        this.#lists.pop()
        break
      }
      case "a": {
        const href = this.#links.pop()
        if (href !== undefined) this.#add(`](${href})`)
        break
      }
      case "pre": {
        this.#preformatted = Math.max(0, this.#preformatted - 1)
        this.#add("\n```")
        break
      }
      case "code": {
        if (this.#preformatted === 0) this.#add("`")
        break
      }
      case "td":
      case "th": {
        this.#add(" | ")
        break
      }
      case "tr": {
        if (this.#isHeaderRow) this.#add(`\n|${"---|".repeat(this.#cells)}`)
        this.#isHeaderRow = false
      }
    }
    const isNested = (name === "ul" || name === "ol") && this.#lists.length > 0
    if (blocks.has(name) && !isNested && !["li", "tr", "td", "th"].includes(name)) this.#add("\n\n")
  }

  /** The text written at these positions. */
  written(where: (place: Place) => boolean): string {
    const text = this.#pieces.flatMap((piece) => (where(piece) ? [piece.text] : [])).join("")
    return (
      text
        // Links without a text.
        .replace(/\[\s*\]\([^)\s]*\)/g, "")
        .replace(/[ \t]+\n/g, "\n")
        .replace(/\n[ \t]+(?=\S)(?![-\d])/g, "\n")
        .replace(/\n{3,}/g, "\n\n")
        .trim()
    )
  }

  #add(text: string): void {
    if (text !== "") this.#pieces.push({ text, isBeside: this.#place.isBeside, isMain: this.#place.isMain })
  }

  /** Only links that can be fetched are useful. */
  #absolute(href: string | undefined): string | undefined {
    if (href === undefined || href.startsWith("#")) return undefined
    const url = URL.parse(href, this.#url.href)
    return url?.protocol === "http:" || url?.protocol === "https:" ? url.href : undefined
  }
}
