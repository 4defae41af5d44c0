/** Draws a chart as SVG: no scripts, no links, every text escaped. */
import * as Axis from "./Axis.ts"

export interface Series {
  readonly name: string
  readonly values: ReadonlyArray<number | null>
}

export interface Chart {
  readonly type: "bar" | "line" | "pie"
  readonly title: string
  readonly labels: ReadonlyArray<string>
  readonly series: ReadonlyArray<Series>
}

const width = 800
const height = 480
/**
 * Distinguishable for people with red-green color blindness (Okabe and Ito, 2008), and on white.
 */
const colors = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7a6a00", "#000000"]
const colorOf = (index: number): string => colors[index % colors.length]!

export const svg = (chart: Chart): string => {
  const legend = legendOf(chart)
  const top = (chart.title === "" ? 16 : 52) + (legend.length === 0 ? 0 : 26)
  const title =
    chart.title === ""
      ? ""
      : text(width / 2, 32, clipped(chart.title, 70), { anchor: "middle", size: 20, weight: "bold" })
  const keys = legendRow(legend, chart.title === "" ? 22 : 58)
  const body = chart.type === "pie" ? pie(chart, top) : plot(chart, top)
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" role="img">
<title>${escaped(chart.title || `A ${chart.type} chart`)}</title>
<rect width="${width}" height="${height}" fill="#fff"/>
${[title, keys, body].filter((part) => part !== "").join("\n")}
</svg>
`
}

/** Pies carry their labels themselves; a single series needs no key. */
const legendOf = ({ series, type }: Chart): ReadonlyArray<string> =>
  type === "pie" || series.length < 2 ? [] : series.map(({ name }, index) => name || `Series ${index + 1}`)

const legendRow = (names: ReadonlyArray<string>, y: number): string => {
  if (names.length === 0) return ""
  const room = Math.floor((width - 80) / names.length)
  const shown = names.map((name) => clipped(name, Math.max(3, Math.floor((room - 26) / 7))))
  const widths = shown.map((name) => Math.min(room, 34 + name.length * 7))
  let x = (width - widths.reduce((sum, each) => sum + each, 0)) / 2
  return shown
    .map((name, index) => {
      const at = x
      x += widths[index]!
      return `<rect x="${round(at)}" y="${y - 6}" width="12" height="12" fill="${colorOf(index)}"/>${text(at + 18, y + 4, name)}`
    })
    .join("\n")
}

// --- bars and lines
// -------------------------------------------------------------------------------

interface Frame {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
  readonly axis: Axis.Axis
}

const plot = (chart: Chart, top: number): string => {
  const values = chart.series.flatMap(({ values }) => values.filter((value) => value !== null))
  const axis = Axis.of(values, chart.type === "bar")
  const ticks = axis.ticks.map((tick) => Axis.label(tick, axis.step))
  const left = 24 + ticks.reduce((longest, tick) => Math.max(longest, tick.length), 0) * 7.5
  const isTilted =
    chart.labels.reduce((longest, label) => Math.max(longest, Math.min(label.length, 18)), 0) * 7.5 >
    (width - left - 24) / Math.min(chart.labels.length, 30)
  const frame: Frame = { left, right: width - 24, top, bottom: height - (isTilted ? 92 : 40), axis }
  const grid = axis.ticks.map((tick, index) => {
    const y = yOf(frame, tick)
    const color = tick === 0 ? "#666" : "#ddd"
    return `<line x1="${round(left)}" y1="${round(y)}" x2="${frame.right}" y2="${round(y)}" stroke="${color}"/>${text(left - 8, y + 4, ticks[index]!, { anchor: "end" })}`
  })
  const marks = chart.type === "bar" ? bars(chart, frame) : lines(chart, frame)
  return [...grid, marks, names(chart.labels, frame, isTilted)].join("\n")
}

const yOf = ({ axis, bottom, top }: Frame, value: number): number =>
  bottom - ((value - axis.min) / (axis.max - axis.min)) * (bottom - top)

const xOf = ({ left, right }: Frame, index: number, count: number): number =>
  left + ((index + 0.5) / count) * (right - left)

const bars = ({ labels, series }: Chart, frame: Frame): string => {
  const slot = (frame.right - frame.left) / labels.length
  const bar = (slot * 0.8) / series.length
  const zero = yOf(frame, Math.min(Math.max(0, frame.axis.min), frame.axis.max))
  return series
    .map(({ values }, at) => {
      const paths = values.map((value, index) => {
        if (value === null) return ""
        const x = xOf(frame, index, labels.length) - slot * 0.4 + at * bar
        const y = yOf(frame, value)
        return `<rect x="${round(x)}" y="${round(Math.min(y, zero))}" width="${round(Math.max(0.5, bar - (bar > 4 ? 1 : 0)))}" height="${round(Math.abs(zero - y))}"/>`
      })
      return `<g fill="${colorOf(at)}">${paths.join("")}</g>`
    })
    .join("\n")
}

const lines = ({ labels, series }: Chart, frame: Frame): string =>
  series
    .map(({ values }, at) => {
      let isBroken = true
      const points = values.map((value, index) => {
        if (value === null) {
          isBroken = true
          return ""
        }
        const point = `${isBroken ? "M" : "L"}${round(xOf(frame, index, labels.length))} ${round(yOf(frame, value))}`
        isBroken = false
        return point
      })
      const dots =
        labels.length > 60
          ? ""
          : values
              .map((value, index) =>
                value === null
                  ? ""
                  : `<circle cx="${round(xOf(frame, index, labels.length))}" cy="${round(yOf(frame, value))}" r="3"/>`
              )
              .join("")
      return `<path d="${points.join("")}" fill="none" stroke="${colorOf(at)}" stroke-width="2"/><g fill="${colorOf(at)}">${dots}</g>`
    })
    .join("\n")

/** Limits the names to a legible number. */
const names = (labels: ReadonlyArray<string>, frame: Frame, isTilted: boolean): string => {
  const every = Math.ceil(labels.length / 30)
  return labels
    .flatMap((label, index) => {
      if (index % every !== 0) return []
      const x = xOf(frame, index, labels.length)
      const y = frame.bottom + (isTilted ? 14 : 20)
      const turn = isTilted ? ` transform="rotate(-40 ${round(x)} ${round(y)})"` : ""
      return text(x, y, clipped(label, 18), { anchor: isTilted ? "end" : "middle", turn })
    })
    .join("\n")
}

// --- pies
// -----------------------------------------------------------------------------------------

const pie = ({ labels, series }: Chart, top: number): string => {
  const values = (series[0]?.values ?? []).map((value) => value ?? 0)
  const total = values.reduce((sum, value) => sum + value, 0)
  const radius = (height - top - 40) / 2
  const center = { x: width * 0.36, y: top + radius + 8 }
  let from = -Math.PI / 2
  const slices = values.map((value, index) => {
    const share = value / total
    const to = from + share * 2 * Math.PI
    const slice = share >= 1 ? circle(center, radius, index) : sector(center, radius, from, to, index)
    from = to
    return value === 0 ? "" : slice
  })
  const maxKeys = 16
  const keys = labels.slice(0, maxKeys).map((label, index) => {
    const y = top + 16 + index * 22
    const percent = ((values[index]! / total) * 100).toFixed(1)
    return `<rect x="${width * 0.66}" y="${y - 10}" width="12" height="12" fill="${colorOf(index)}"/>${text(width * 0.66 + 20, y, `${clipped(label, 22)} ${percent} %`)}`
  })
  const more =
    labels.length > maxKeys ? text(width * 0.66, top + 16 + maxKeys * 22, `and ${labels.length - maxKeys} more`) : ""
  return [...slices, ...keys, more].filter((part) => part !== "").join("\n")
}

interface Point {
  readonly x: number
  readonly y: number
}

const circle = ({ x, y }: Point, radius: number, index: number): string =>
  `<circle cx="${round(x)}" cy="${round(y)}" r="${round(radius)}" fill="${colorOf(index)}"/>`

const sector = ({ x, y }: Point, radius: number, from: number, to: number, index: number): string => {
  const at = (angle: number) => `${round(x + radius * Math.cos(angle))} ${round(y + radius * Math.sin(angle))}`
  const isLarge = to - from > Math.PI ? 1 : 0
  return `<path d="M${round(x)} ${round(y)}L${at(from)}A${round(radius)} ${round(radius)} 0 ${isLarge} 1 ${at(to)}Z" fill="${colorOf(index)}" stroke="#fff"/>`
}

// --- text
// -----------------------------------------------------------------------------------------

interface Style {
  readonly anchor?: "middle" | "end"
  readonly size?: number
  readonly weight?: "bold"
  readonly turn?: string
}

const text = (x: number, y: number, content: string, { anchor, size = 13, turn = "", weight }: Style = {}): string =>
  `<text x="${round(x)}" y="${round(y)}" font-size="${size}" fill="#222"${anchor === undefined ? "" : ` text-anchor="${anchor}"`}${weight === undefined ? "" : ` font-weight="${weight}"`}${turn}>${escaped(content)}</text>`

const clipped = (content: string, max: number): string =>
  content.length > max ? `${content.slice(0, max - 1)}…` : content

const entities: { readonly [character: string]: string } = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" }

/** Also removes characters that XML cannot contain. */
const escaped = (content: string): string =>
  content
    .toWellFormed()
    // eslint-disable-next-line no-control-regex -- they are what is taken out
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "")
    .replace(/[&<>"]/g, (character) => entities[character]!)

const round = (value: number): string => String(Math.round(value * 100) / 100)
