/**
 * The readable part of a page as Markdown: its `main` or `article`, if that is long enough,
 * otherwise everything except navigation, headers, footers and forms. Invisible text is omitted: it
 * is often addressed only to models.
 */
import { Parser } from "htmlparser2"
import { Writer } from "./Writer.ts"

export interface Page {
  readonly title: string
  readonly markdown: string
}

/** Minimum length of the text in `main` to count as the content of the page, in characters. */
const minMain = 200

const ignored = new Set([
  "script",
  "style",
  "noscript",
  "template",
  "svg",
  "math",
  "iframe",
  "object",
  "canvas",
  "select",
  "option",
  "datalist",
  "dialog",
  "head"
])
const beside = new Set(["nav", "header", "footer", "aside", "form", "button", "menu"])
const besideRoles = new Set(["navigation", "banner", "contentinfo", "complementary", "search", "dialog"])

type Attributes = { readonly [name: string]: string }

interface Element {
  readonly name: string
  readonly isIgnored: boolean
  readonly isBeside: boolean
  readonly isMain: boolean
}

const root: Element = { name: "", isIgnored: false, isBeside: false, isMain: false }

/** Reads HTML; `url` is the base of relative links. */
export const fromHtml = (html: string, url: URL): Page => {
  const stack: Array<Element> = []
  const writer = new Writer(url)
  let title = ""
  let isTitle = false
  const parser = new Parser(
    {
      onopentag: (name, attributes) => {
        if (name === "title" && title === "") isTitle = true
        const element = elementOf(name, attributes, stack.at(-1) ?? root)
        stack.push(element)
        if (element.isIgnored) return
        writer.place(element)
        writer.open(name, attributes)
      },
      ontext: (text) => {
        if (isTitle) title += text
        const inner = stack.at(-1) ?? root
        if (inner.isIgnored) return
        writer.place(inner)
        writer.text(text)
      },
      onclosetag: (name) => {
        if (name === "title") isTitle = false
        const element = stack.pop()
        if (element === undefined || element.isIgnored) return
        writer.place(element)
        writer.close(name)
      }
    },
    { decodeEntities: true }
  )
  parser.write(html)
  parser.end()
  const main = writer.written(({ isMain }) => isMain)
  const markdown =
    main.length >= minMain ? main : writer.written(({ isBeside }) => !isBeside) || writer.written(() => true)
  return { title: title.replace(/\s+/g, " ").trim(), markdown }
}

const elementOf = (name: string, attributes: Attributes, outer: Element): Element => ({
  name,
  isIgnored: outer.isIgnored || ignored.has(name) || isHidden(attributes),
  isBeside:
    // The header of an article has its title.
    outer.isBeside ||
    (beside.has(name) && !(outer.isMain && name === "header")) ||
    besideRoles.has(attributes["role"] ?? ""),
  isMain: outer.isMain || name === "main" || name === "article" || attributes["role"] === "main"
})

const isHidden = (attributes: Attributes): boolean =>
  "hidden" in attributes ||
  attributes["aria-hidden"] === "true" ||
  /(?:display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(?:[;\s]|$)|font-size\s*:\s*0(?:[;\s]|px|$))/i.test(
    attributes["style"] ?? ""
  )
