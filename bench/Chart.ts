/** Horizontal bars as SVG, readable on light and on dark pages. */

export interface Bars {
  readonly title: string
  /** The names of a bar's values, in order. */
  readonly series: ReadonlyArray<string>
  readonly bars: ReadonlyArray<{ readonly name: string; readonly values: ReadonlyArray<number> }>
}

const width = 720
const left = 180
const right = 60
const thickness = 16
const gap = 14
const head = 64
const colors = ["#2563eb", "#f59e0b", "#10b981"]

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")

/** A line marks the value 1. */
export const bars = ({ bars, series, title }: Bars): string => {
  const most = Math.max(...bars.flatMap(({ values }) => values), 1)
  const scale = (width - left - right) / most
  const group = series.length * thickness + gap
  const height = head + bars.length * group + 12
  const text = (x: number, y: number, content: string, more = "") =>
    `<text x="${x}" y="${y}"${more}>${escape(content)}</text>`
  const legend = series.flatMap((name, n) => [
    `<rect x="${left + n * 150}" y="34" width="12" height="12" fill="${colors[n % colors.length]}"/>`,
    text(left + n * 150 + 18, 45, name)
  ])
  const rows = bars.flatMap(({ name, values }, row) => {
    const top = head + row * group
    return [
      text(left - 10, top + (series.length * thickness) / 2 + 4, name, ' text-anchor="end"'),
      ...values.flatMap((value, n) => {
        const length = (value * scale).toFixed(1)
        const y = top + n * thickness
        return [
          `<rect x="${left}" y="${y}" width="${length}" height="${thickness - 2}" fill="${colors[n % colors.length]}"/>`,
          text(left + Number(length) + 6, y + 11, value.toFixed(2))
        ]
      })
    ]
  })
  const one = (left + scale).toFixed(1)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#6b7280">`,
    `<title>${escape(title)}</title>`,
    text(10, 20, title, ' font-size="14" font-weight="600"'),
    ...legend,
    ...rows,
    `<line x1="${one}" y1="${head - 8}" x2="${one}" y2="${height - 8}" stroke="#6b7280" stroke-dasharray="4 3"/>`,
    "</svg>",
    ""
  ].join("\n")
}
